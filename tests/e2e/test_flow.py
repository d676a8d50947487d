"""The main job, once, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Way, button, field, link, sign_in, translate
from tests.support.journey_steps import (
    WAITING,
    add_customer,
    assert_accessible,
    open_mail,
    sign_up_from_invitation,
)

pytestmark = pytest.mark.e2e

FIRMS = {
    "en": ("Pemberlight Optics", "jo@pemberlight.example", "DE 136 695 976"),
    "ru": ("ООО «Северный свет»", "jo@severny-svet.example", ""),
}
"""Two that may meet in one demonstration."""


@pytest.mark.ways(Way(), Way(375, "dark", "ru"))
def test_add_mail_sign_up_confirm_active(person: Callable[..., Page], way: Way) -> None:
    partner, customer = person(), person()
    name, email, tax_number = FIRMS[way.language]
    sign_in(partner, "olga@halden.example", language=way.language)
    assert_accessible(partner)
    link(partner, "Add customer").click()
    expect(field(partner, "Customer name")).to_be_visible()
    assert_accessible(partner)
    button(partner, "Add").click()
    expect(partner.get_by_role("alert")).to_be_visible()
    assert_accessible(partner)
    link(partner, "Cancel").click()
    subaccount = add_customer(partner, name, email, tax_number)
    handed = translate(partner, "Email handed over for %(host)s", host=email.partition("@")[2])
    expect(partner.get_by_text(handed)).to_be_visible(timeout=20_000)
    button(partner, "Copy confirmation link").click()
    assert_accessible(partner)

    open_mail(customer, email)
    if way.language == "en":  # to the letter
        expect(customer.get_by_role("heading", level=1)).to_have_text(
            "Confirm your willingness to work with the integrator in Test Cloud"
        )
    assert_accessible(customer)
    sign_up_from_invitation(customer, subaccount, "Jo Weiss", email.title())
    question = translate(customer, "Work with %(partner)s?", partner="Halden Integration")
    expect(customer.get_by_role("heading", level=1)).to_have_text(question)
    assert_accessible(customer)
    button(customer, "Confirm").click()
    expect(customer.get_by_text(subaccount).first).to_be_visible()
    assert_accessible(customer)

    expect(partner.locator("#standing")).to_contain_text("Active", timeout=20_000)
    link(partner, "Customers").first.click()
    row = partner.get_by_role("row").filter(has_text=name)
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Active")
    expect(row).not_to_contain_text(WAITING)


def test_a_step_asks_in_a_dialog_and_cancel_changes_nothing(person: Callable[..., Page]) -> None:
    page = person()
    sign_in(page, "olga@halden.example")
    page.get_by_role("link", name="Quillmoor Archive Trust").click()
    page.get_by_label("More actions").click()
    page.get_by_role("link", name="Suspend").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Suspend this customer?")).to_be_visible()
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    assert_accessible(page)
    dialog.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_label("More actions")).to_be_focused()
    page.get_by_label("More actions").click()
    page.get_by_role("link", name="Suspend").click()
    dialog.get_by_role("button", name="Suspend").click()
    expect(page.get_by_text("The customer is suspended.")).to_be_visible()
