"""The wrong account, and a session that ended while one was at work."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Way, button, field, link, sign_in, translate
from tests.support.journey_steps import WAITING, add_customer, assert_accessible

pytestmark = pytest.mark.e2e

OLGA, CARL, TINA = "olga@halden.example", "carl@nettlecombe.example", "tina@saltmarsh.example"


def sign_in_again(page: Page, email: str) -> None:
    """On the sign-in page where one has landed, which is a whole page and stands in no other."""
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.locator("main")).to_have_count(1)
    assert_accessible(page)
    field(page, "E-mail").fill(email)
    field(page, "Password").fill("demonstration")
    button(page, "Sign in").click()


def ends_elsewhere(page: Page) -> None:
    """In another tab of the same browser, somebody signs out."""
    tab = page.context.new_page()
    tab.goto("/profile")
    tab.locator(".who summary").click()
    button(tab, "Sign out").first.click()
    expect(button(tab, "Sign in")).to_be_visible()
    tab.close()


@pytest.mark.ways(Way(768, "dark"))
def test_the_wrong_account_finds_nothing_and_the_right_one_comes_back_to_decline(
    person: Callable[..., Page], way: Way
) -> None:
    partner, customer = person(), person()
    sign_in(partner, OLGA, language=way.language)
    subaccount = add_customer(partner, "Saltmarsh", TINA)
    sign_in(customer, CARL, language=way.language)
    answer = customer.goto(f"/invite/accept/{subaccount}")
    assert answer is not None
    assert answer.status == 404
    expect(customer.get_by_text(CARL).first).to_be_visible()
    expect(customer.get_by_text("Halden Integration")).to_have_count(0)
    assert_accessible(customer)
    customer.locator("main").get_by_role(
        "link", name=translate(customer, "Sign in as someone else")
    ).click()
    sign_in_again(customer, TINA)
    expect(customer.get_by_role("heading", level=1)).to_contain_text("Halden Integration")
    assert_accessible(customer)
    button(customer, "Decline").click()
    expect(button(customer, "Decline")).to_have_count(0)
    assert_accessible(customer)
    expect(partner.locator("#standing")).to_contain_text("Inactive", timeout=20_000)
    expect(partner.locator("#standing")).not_to_contain_text(WAITING)
    assert_accessible(partner)


@pytest.mark.ways(Way(375))
def test_a_session_lost_at_work_leads_back_to_where_one_was(
    person: Callable[..., Page], way: Way
) -> None:
    page = person()
    sign_in(page, OLGA, language=way.language)
    page.goto("/partner")
    ends_elsewhere(page)
    page.locator("#q").press_sequentially("ferr")
    expect(page).to_have_url(re.compile("/sign-in"))
    sign_in_again(page, OLGA)
    expect(page).to_have_url(re.compile("q=ferr"))
    expect(page.locator("#q")).to_have_value("ferr")
    expect(
        page.get_by_role("row").filter(has_text=re.compile("ferr", re.IGNORECASE)).first
    ).to_be_visible()
    assert_accessible(page)

    link(page, "Add customer").click()
    field(page, "Customer name").fill("Half written")
    field(page, "E-mail of the cloud account").fill("half@written.example")
    field(page, "Country").select_option("NL")
    field(page, "Description").fill("two\nlines")
    ends_elsewhere(page)
    button(page, "Add").click()
    sign_in_again(page, OLGA)
    expect(field(page, "Customer name")).to_have_value("Half written")
    expect(field(page, "Country")).to_have_value("NL")
    expect(field(page, "Description")).to_have_value("two\nlines")
    assert_accessible(page)
    button(page, "Add").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Half written")
