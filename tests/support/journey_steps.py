"""Steps of user journeys in the browser: in any language, with or without JavaScript."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.conftest import button, field, link, translate
from tests.support import accessibility

WAITING = "SUBACCOUNT-ACCEPTANCE-REQUIRED"
PASSWORD = "a fine long password"


def assert_accessible(page: Page) -> None:
    """axe finds no violations, and the page does not overflow."""
    assert accessibility.find_violations(page, {}) == []
    assert_no_overflow(page)


def assert_no_overflow(page: Page) -> None:
    """The page does not scroll sideways."""
    page.wait_for_load_state()  # during a navigation there is no document to measure
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url


def open_mail(page: Page, to: str, number: int = 1) -> None:
    """Reload the Mailbox until it has `number` mails to the address, and open the newest.

    Raises AssertionError after 15 seconds."""
    mails = page.get_by_role("link").filter(has_text=to)
    for _try in range(60):
        page.goto("/mailbox")
        if mails.count() >= number:
            mails.first.click()
            return
        page.wait_for_timeout(250)
    raise AssertionError(f"fewer than {number} mails to {to}")


def add_customer(partner: Page, name: str, email: str, tax_number: str = "") -> str:
    """Add a customer with the form *New customer*; the subaccount's ID."""
    link(partner, "Add customer").click()
    field(partner, "Customer name").fill(name)
    field(partner, "E-mail of the cloud account").fill(email)
    field(partner, "Country").select_option("DE")
    partner.locator("#tin").fill(tax_number)  # its label depends on the country
    button(partner, "Add").dblclick()
    expect(partner.get_by_role("heading", level=1)).to_have_text(name)
    expect(partner.get_by_text(WAITING).first).to_be_visible()
    return partner.locator("dd .id").first.inner_text()


def sign_up_from_invitation(customer: Page, subaccount: str, name: str, email: str) -> None:
    """Sign up from the opened invitation mail; ends at the invitation's page."""
    customer.get_by_role("link", name=f"/invite/accept/{subaccount}").click()
    link(customer, "Sign up").click()
    field(customer, "Your name").fill(name)
    field(customer, "E-mail").fill(email)
    button(customer, "Sign up").click()
    heading = customer.get_by_role("heading", level=1)
    expect(heading).to_have_text(translate(customer, "Look into your mail"))
    open_mail(customer, email.lower(), 2)
    customer.get_by_role("link", name="/verify/").click()
    field(customer, "Password").first.fill(PASSWORD)
    field(customer, "Password, once more").fill(PASSWORD)
    button(customer, "Create account").click()


def create_cloud(page: Page, name: str, *, payer: str) -> str:
    """Create a cloud in the billing account whose name has `payer`; the URL of the cloud's page."""
    page.goto("/console")
    link(page, "Create cloud").first.click()
    field(page, "Name").first.fill(name)
    account = page.get_by_role("option", name=re.compile(payer)).first.get_attribute("value")
    field(page, "Billing account").select_option(account)
    button(page, "Create").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    return page.url
