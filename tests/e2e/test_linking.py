"""Linking with two people side by side, in a real Chromium: given, waiting, linked, revoked."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import sign_in
from tests.support.journey_steps import assert_accessible

pytestmark = pytest.mark.e2e


def create_cloud(page: Page, name: str, *, payer: str) -> str:
    """Create a cloud in one's own account, which bears one's name; its page's address."""
    page.goto("/console")
    page.get_by_role("link", name="Create cloud").click()
    page.get_by_label(re.compile("^Name required")).fill(name)
    account = page.get_by_role("option", name=re.compile(payer)).first.get_attribute("value")
    page.get_by_label(re.compile("^Billing account")).select_option(account)
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    return page.url


def confirmed(customer: Page) -> str:
    """Carl confirms a partnership; the subaccount's ID."""
    sign_in(customer, "carl@nettlecombe.example")
    customer.goto("/console")
    card = customer.locator("section.answer").filter(has_text="Halden Integration")
    subaccount = card.locator(".id").first.inner_text()
    card.get_by_role("link", name="Review and answer").click()
    customer.get_by_role("button", name="Confirm").click()
    return subaccount


def asked_for(partner: Page) -> str:
    """Eddie finds no cloud to link, and reads whom its owner has to add."""
    dialog = partner.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Link cloud")).to_be_visible()
    expect(dialog.get_by_text("workshop")).to_have_count(0)
    assert_accessible(partner)
    dialog.get_by_text("The cloud is missing here?").click()
    asked = re.search(r"dn2[0-9a-v]{17}", dialog.get_by_role("textbox").input_value())
    assert asked
    partner.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    return asked[0]


def grant_owner(customer: Page, page_of_cloud: str, account_id: str) -> None:
    customer.goto(page_of_cloud)
    customer.get_by_role("link", name="Access control").click()
    customer.get_by_role("link", name="Add", exact=True).click()
    customer.get_by_label(re.compile("^E-mail of their account")).fill(account_id)
    customer.get_by_label("resource-manager.clouds.owner").check()
    customer.get_by_role("button", name="Add", exact=True).click()
    expect(customer.get_by_text(re.compile("effective in"))).to_be_visible()
    assert_accessible(customer)


def link_when_it_enables_itself(partner: Page) -> None:
    partner.get_by_role("link", name="Link cloud").click()
    dialog = partner.get_by_role("dialog")
    waiting = dialog.locator(".cloud-off").filter(has_text="workshop")
    expect(waiting).to_contain_text("Too little time has passed since the owner role was assigned.")
    expect(waiting.get_by_role("radio")).to_be_disabled()
    assert_accessible(partner)
    ready = dialog.get_by_role("radio", name=re.compile("workshop"))
    expect(ready).to_be_enabled(timeout=40_000)  # in the open dialog
    ready.check()
    expect(dialog.get_by_text("another account", exact=True)).to_be_visible()
    expect(ready).to_be_focused()
    assert_accessible(partner)
    dialog.get_by_role("button", name="Link", exact=True).click()
    expect(partner.get_by_text("workshop is linked. From now on")).to_be_visible()


def test_granted_waiting_enabled_linked_and_revoked(person: Callable[..., Page]) -> None:
    customer, partner = person(), person()
    subaccount = confirmed(customer)
    page_of_cloud = create_cloud(customer, "workshop", payer="Carl")
    sign_in(partner, "eddie@halden.example")
    partner.goto(f"/console/billing/{subaccount}")
    partner.get_by_role("link", name="Link cloud").click()
    grant_owner(customer, page_of_cloud, asked_for(partner))
    link_when_it_enables_itself(partner)

    customer.goto(page_of_cloud)
    expect(customer.get_by_text("pays now")).to_be_visible()
    expect(customer.locator(".trail li").first).to_contain_text(subaccount)
    customer.get_by_role("link", name="Access control").click()
    customer.get_by_role("link", name="Revoke partner’s access").click()
    customer.get_by_role("button", name=re.compile("^Revoke")).click()
    expect(customer.get_by_text("Halden Integration has access.")).to_have_count(0)

    partner.get_by_role("link", name="Link cloud").click()
    dialog = partner.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Link cloud")).to_be_visible()
    expect(dialog.get_by_text("workshop")).to_have_count(0)


def test_the_customer_leaves_without_a_script_on_a_phone(person: Callable[..., Page]) -> None:
    """The reason, the switch, back to where one was, and the cloud is one's own to pay."""
    page = person(viewport={"width": 375, "height": 720}, java_script_enabled=False)
    sign_in(page, "nina@quillmoor.example")
    page.goto("/console/billing")
    page.get_by_role("link", name="Nina Castell").click()
    page.get_by_role("link", name="Link cloud").click()
    expect(page.get_by_text(re.compile("Switch this account to paid first"))).to_be_visible()
    page.get_by_role("link", name="Switch to paid").first.click()
    page.get_by_role("button", name="Switch to paid").click()
    page.get_by_role("radio", name=re.compile("^default")).check()
    page.get_by_role("button", name="Show what linking does").click()
    expect(page.get_by_role("heading", name="What linking default does")).to_be_visible()
    page.get_by_role("button", name="Link", exact=True).click()
    expect(page.get_by_text("default is linked. From now on")).to_be_visible()
