"""The whole flow without JavaScript, on a phone: nothing needs a script."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Way, button, field, link, sign_in, translate
from tests.support.journey_steps import (
    WAITING,
    add_customer,
    assert_no_overflow,
    create_cloud,
    open_mail,
    sign_up_from_invitation,
)

pytestmark = pytest.mark.e2e
JO = "jo@slateford.example"


def switch_to_paid(customer: Page) -> None:
    customer.goto("/console/billing")
    customer.get_by_role("link", name="Jo Weiss").click()
    link(customer, "Switch to paid").click()
    button(customer, "Switch to paid").click()
    expect(customer.get_by_text(translate(customer, "paid"), exact=True)).to_be_visible()
    assert_no_overflow(customer)


def link_cloud(page: Page, subaccount: str, cloud: str) -> None:
    """Choose it, read what linking does, link; again, while the role still spreads."""
    choice = page.get_by_role("radio", name=re.compile(cloud))
    for _try in range(60):
        page.goto(f"/console/billing/{subaccount}")
        link(page, "Link cloud").click()
        if choice.count() and choice.is_enabled():
            break
        page.wait_for_timeout(500)
    assert choice.is_enabled(), page.locator("main").inner_text()
    choice.check()
    assert_no_overflow(page)
    button(page, "Show what linking does").click()
    heading = translate(page, "What linking %(cloud)s does", cloud=cloud)
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    assert_no_overflow(page)
    button(page, "Link").click()
    expect(page.get_by_role("link", name=cloud, exact=True).first).to_be_visible()


def give_access(customer: Page, page_of_cloud: str, partner_account: str) -> None:
    customer.goto(page_of_cloud)
    link(customer, "Access control").click()
    link(customer, "Add").click()
    field(customer, "E-mail of their account here").fill(partner_account)
    customer.get_by_label("resource-manager.clouds.owner").check()
    button(customer, "Add").click()
    expect(customer.get_by_text("Halden Integration").first).to_be_visible()
    assert_no_overflow(customer)


def decline(customer: Page) -> None:
    """A second partner asks; no, thank you."""
    customer.goto("/console")
    link(customer, "Review and answer").click()
    assert_no_overflow(customer)
    button(customer, "Decline").click()
    expect(link(customer, "Review and answer")).to_have_count(0)


@pytest.mark.ways(Way(width=375))
def test_add_confirm_pay_create_give_link_and_decline(
    person: Callable[..., Page], way: Way
) -> None:
    partner, customer, other = (person(java_script_enabled=False) for _ in range(3))
    sign_in(partner, "olga@halden.example", language=way.language)
    subaccount = add_customer(partner, "Slateford Optics", JO)
    page_of_customer = partner.url
    assert_no_overflow(partner)
    open_mail(customer, JO)
    sign_up_from_invitation(customer, subaccount, "Jo Weiss", JO)
    question = translate(customer, "Work with %(partner)s?", partner="Halden Integration")
    expect(customer.get_by_role("heading", level=1)).to_have_text(question)
    assert_no_overflow(customer)
    button(customer, "Confirm").click()
    expect(customer.get_by_text(subaccount).first).to_be_visible()
    partner.goto(page_of_customer)
    expect(partner.get_by_text("Active", exact=True).first).to_be_visible()

    switch_to_paid(customer)
    create_cloud(customer, "workshop", payer="Jo Weiss")
    link_cloud(customer, subaccount, "workshop")
    page_of_cloud = create_cloud(customer, "annex", payer="Jo Weiss")
    give_access(customer, page_of_cloud, page_of_customer.split("/")[4])
    link_cloud(partner, subaccount, "annex")

    sign_in(other, "sam@tidewater.example", language=way.language)
    add_customer(other, "Slateford", JO)
    decline(customer)
    other.reload()
    expect(other.get_by_text("Inactive", exact=True).first).to_be_visible()
    expect(other.get_by_text(WAITING)).to_have_count(0)
