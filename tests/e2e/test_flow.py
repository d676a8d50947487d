"""The main job, once, in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.conftest import sign_in

pytestmark = pytest.mark.e2e

WAITING = "SUBACCOUNT-ACCEPTANCE-REQUIRED"


def accessible(page: Page) -> None:
    """axe finds nothing."""
    violations = Axe().run(page).response["violations"]
    assert not violations, [(v["id"], [n["html"] for n in v["nodes"]]) for v in violations]


def open_mail(page: Page, subject: str, to: str = "jo@pemberlight.example") -> None:
    """Reload the Mailbox until the worker has put the mail there, and open it."""
    for _try in range(40):
        page.goto("/mailbox")
        mail = page.get_by_role("link").filter(has_text=to).filter(has_text=subject)
        if mail.count():
            mail.first.click()
            return
        page.wait_for_timeout(250)
    raise AssertionError(f"no mail {subject!r} to {to}")


def test_add_mail_sign_up_confirm_active(person: Callable[..., Page]) -> None:
    partner, customer = person(), person(viewport={"width": 375, "height": 720})
    sign_in(partner, "olga@halden.example")
    accessible(partner)
    partner.get_by_role("link", name="Add customer").click()
    accessible(partner)
    partner.get_by_label(re.compile("^Customer name")).fill("Pemberlight Optics")
    partner.get_by_label(re.compile("^E-mail of the cloud account")).fill("jo@pemberlight.example")
    partner.get_by_label(re.compile("^Country")).select_option("DE")
    partner.get_by_label("VAT number").fill("DE 136 695 977")
    partner.get_by_role("button", name="Add", exact=True).click()
    expect(partner.get_by_role("alert")).to_contain_text("One field needs another look.")
    accessible(partner)
    partner.get_by_label("VAT number").fill("DE 136 695 976")
    partner.get_by_role("button", name="Add", exact=True).dblclick()
    expect(partner.get_by_role("heading", level=1)).to_have_text("Pemberlight Optics")
    expect(partner.get_by_text(WAITING)).to_be_visible()
    expect(partner.get_by_text("Email handed over for pemberlight.example")).to_be_visible()
    partner.get_by_role("button", name="Copy confirmation link").click()
    expect(partner.get_by_text(re.compile("^Link copied by "))).to_be_visible()
    subaccount = partner.locator("dd .id").first.inner_text()
    accessible(partner)

    open_mail(customer, "Confirm your willingness")
    expect(customer.get_by_role("heading", level=1)).to_contain_text(
        "Confirm your willingness to work with the integrator in Test Cloud"
    )
    accessible(customer)
    customer.get_by_role("link", name=f"/invite/accept/{subaccount}").click()
    customer.get_by_role("link", name="Sign up").click()
    customer.get_by_label(re.compile("^Your name")).fill("Jo Weiss")
    customer.get_by_label(re.compile("^E-mail")).fill("Jo@Pemberlight.example")
    customer.get_by_role("button", name="Sign up").click()
    expect(customer.get_by_role("heading", level=1)).to_contain_text("mail")
    open_mail(customer, "Verify your address")
    customer.get_by_role("link", name="/verify/").click()
    customer.get_by_label(re.compile("^Password required")).fill("a fine long password")
    customer.get_by_label(re.compile("^Password, once more")).fill("a fine long password")
    customer.get_by_role("button", name="Create account").click()
    expect(customer.get_by_role("heading", level=1)).to_have_text("Work with Halden Integration?")
    accessible(customer)
    customer.get_by_role("button", name="Confirm").click()
    expect(customer.get_by_text("You confirmed the partnership.")).to_be_visible()
    expect(customer.get_by_text(subaccount)).to_be_visible()
    accessible(customer)

    partner.get_by_role("link", name="Customers").first.click()
    row = partner.get_by_role("row").filter(has_text="Pemberlight Optics")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Active")


def test_a_step_asks_in_a_dialog_and_cancel_changes_nothing(person: Callable[..., Page]) -> None:
    page = person()
    sign_in(page, "olga@halden.example")
    page.get_by_role("link", name="Quillmoor Archive Trust").click()
    page.get_by_label("More actions").click()
    page.get_by_role("link", name="Suspend").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Suspend this customer?")).to_be_visible()
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    accessible(page)
    dialog.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_label("More actions")).to_be_focused()
    page.get_by_label("More actions").click()
    page.get_by_role("link", name="Suspend").click()
    dialog.get_by_role("button", name="Suspend").click()
    expect(page.get_by_text("The customer is suspended.")).to_be_visible()
