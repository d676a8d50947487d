"""What a script adds: lists in place, pages that follow what happens, fields checked as left."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, Page, Route, expect

from tests.e2e.conftest import sign_in

pytestmark = pytest.mark.e2e

Person = Callable[..., Page]

OLGA, SAM = "olga@halden.example", "sam@tidewater.example"
INVITED = "carl@nettlecombe.example"
WAITING = "SUBACCOUNT-ACCEPTANCE-REQUIRED"


def hold(page: Page, address: str) -> list[Route]:
    """What is asked of this address from now on; its answer waits until the test gives it."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route(address, keep)
    return held


def asked_in_url(page: Page, query: str) -> None:
    expect(page).to_have_url(re.compile(re.escape(query) + "$"))


def test_a_list_is_searched_filtered_and_paged_in_place_and_back_finds_it_as_it_was(
    person: Person,
) -> None:
    olga = person()
    sign_in(olga, OLGA)
    olga.goto("/partner")
    search, first = olga.locator("#q"), olga.locator("tbody th").first
    olga.evaluate("window.isTheSamePage = true")
    search.press_sequentially("ate")
    asked_in_url(olga, "?q=ate")
    expect(first).to_have_text("Ateliers Fontlevanne")
    expect(search).to_be_focused()
    active = olga.get_by_role("link", name=re.compile("^Active [0-9]"))
    active.click()
    asked_in_url(olga, "?q=ate&status=Active")
    expect(active).to_be_focused()
    expect(active).to_have_attribute("aria-current", "true")
    expect(olga.locator("#announce")).to_have_text(re.compile("customers? shown"))
    search.fill("")
    asked_in_url(olga, "?status=Active")
    follow = olga.get_by_role("link", name="Next 50")
    expect(follow).to_be_visible()
    top, below = first.inner_text(), olga.evaluate("document.body.scrollHeight")
    follow.press("Enter")
    expect(first).not_to_have_text(top)
    expect(follow).to_be_focused()
    assert olga.evaluate("window.isTheSamePage")
    assert olga.evaluate("window.scrollY") < below / 2, "the list begins again"
    olga.go_back()
    asked_in_url(olga, "?status=Active")
    expect(first).to_have_text(top)
    expect(follow).to_be_focused()
    olga.go_back()
    asked_in_url(olga, "?q=ate")
    expect(search).to_have_value("ate")
    with olga.context.expect_page() as tab:
        olga.get_by_role("link", name=re.compile("^All [0-9]")).click(modifiers=["Control"])
    expect(tab.value.locator("#q")).to_have_value("ate")
    asked_in_url(olga, "?q=ate")


def test_what_takes_longer_shows_and_what_fails_is_told(person: Person) -> None:
    olga = person()
    sign_in(olga, OLGA)
    olga.goto("/partner")
    held = hold(olga, "**/customers?*")
    olga.get_by_role("link", name=re.compile("^Active [0-9]")).click()
    expect(olga.locator("#list")).to_have_attribute("aria-busy", "true")
    bar = "getComputedStyle(document.documentElement, '::before').animationDelay"
    assert olga.evaluate(bar) == "0.3s"
    held[0].fulfill(status=200, body="<!doctype html><title>x</title><h1>Elsewhere</h1>")
    expect(olga.locator("#announce")).to_contain_text("That did not work.")
    expect(olga.locator("#list")).not_to_have_attribute("aria-busy", "true")
    expect(olga.locator("tbody th")).to_have_count(50)


def test_an_open_row_and_page_turn_active_and_a_session_ends_quietly(person: Person) -> None:
    sam = person()
    sign_in(sam, SAM)
    sam.goto("/partner")
    row = sam.get_by_role("row").filter(has_text=INVITED)
    expect(row).to_contain_text(WAITING)
    waiting = sam.locator("#count-1")
    before = int(waiting.inner_text())
    page = sam.context.new_page()
    page.goto(row.get_by_role("link").get_attribute("href") or "")
    expect(page.locator("#standing")).to_contain_text(WAITING)
    sam.locator("#q").focus()

    customer = person()
    sign_in(customer, INVITED)
    customer.goto("/console")
    asked = customer.locator("section.answer").filter(has_text="Tidewater Systems")
    asked.get_by_role("link", name="Review and answer").click()
    customer.get_by_role("button", name="Confirm").click()

    sam.bring_to_front()
    expect(row).to_contain_text("Active", timeout=20_000)
    expect(waiting).to_have_text(str(before - 1))
    expect(sam.locator("#q")).to_be_focused()
    expect(sam.locator("#announce")).to_have_text(re.compile("is Active now."))
    page.bring_to_front()
    expect(page.locator("#standing")).to_contain_text("Active", timeout=20_000)
    expect(page.locator("#overview")).to_contain_text("Customer confirmed")
    expect(page.get_by_text("Copy confirmation link")).to_have_count(0)

    sam.bring_to_front()
    where = sam.url
    sam.context.clear_cookies()
    expect(sam.locator("#announce")).to_contain_text("signed out", timeout=20_000)
    assert sam.url == where
    sam.get_by_role("link", name=re.compile("^Active [0-9]")).click()
    expect(sam).to_have_url(re.compile(r"/sign-in\?next=.*status%3DActive"))


def test_a_form_checks_its_fields_and_is_not_left_by_mistake(person: Person) -> None:
    olga = person()
    sign_in(olga, OLGA)
    olga.goto("/partner")
    olga.get_by_role("link", name="Add customer").click()
    olga.get_by_label("Country").select_option("RU")
    number, phone = olga.get_by_label(re.compile("^INN required")), olga.get_by_label("Phone")
    number.fill("7707083894")
    phone.focus()
    error = olga.locator("#tin-error")
    expect(error).to_contain_text("Compare the INN")
    expect(phone).to_be_focused()
    phone.fill("8 (495) 123-45-67")
    phone.press("Tab")
    expect(phone).to_have_value("+7 495 123-45-67")
    olga.get_by_label("Country").select_option("KZ")
    expect(error).to_have_text("The BIN/IIN has 12 digits.")

    # An answer that comes late takes nothing away from who types on.
    held = hold(olga, "**/check")
    phone.fill("8 727 123 45 67")
    with olga.expect_request("**/check"):
        phone.press("Tab")
    phone.press_sequentially(" 8")
    typed = phone.input_value()
    with olga.expect_response("**/check"):
        held[0].continue_()
    olga.unroute("**/check")
    expect(phone).to_have_value(typed)

    questions: list[str] = []

    def stay(dialog: Dialog) -> None:
        questions.append(dialog.type)
        dialog.dismiss()

    olga.on("dialog", stay)
    olga.get_by_role("link", name="Cancel").click()
    expect(phone).to_have_value(typed)
    assert questions == ["beforeunload"]
    olga.get_by_role("button", name="Add", exact=True).click()
    summary = olga.get_by_role("alert")
    expect(summary).to_be_focused()
    summary.get_by_role("link", name="BIN/IIN").click()
    expect(olga.locator("#tin")).to_be_focused()
    olga.get_by_role("link", name="Cancel").click()
    expect(olga.locator("#tin")).to_be_visible()
    assert questions == ["beforeunload"] * 2, "it came back with what was typed"
