"""Every page: nothing sticks out, axe finds nothing in either theme, no console complains."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from portal.demo.people import OLGA
from tests.e2e.conftest import sign_in
from tests.support import demonstration, page_paths, pages
from tests.support.tour import Tour

pytestmark = pytest.mark.e2e
PHONE = 375


def test_the_list_names_every_page_of_the_application(app: Flask) -> None:
    readable = {r.endpoint for r in app.url_map.iter_rules() if "GET" in (r.methods or set())}
    named = {state.endpoint for state in pages.STATES} - {""}
    assert named | set(pages.WITHOUT_PAGE) == readable
    assert not named & set(pages.WITHOUT_PAGE)
    assert len({state.name for state in pages.STATES}) == len(pages.STATES)


@pytest.mark.tour
@pytest.mark.parametrize("is_owners", [True, False], ids=["the owner's", "others'"])
def test_every_page_fits_a_phone_and_pleases_axe_in_both_themes(
    chrome: Browser,
    demo_database: Path,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    is_owners: bool,
) -> None:
    """With `--full` in each of its states, else in the first, and where it looks different. Those
    of a partner's owner are about as many as all others together."""
    states = pages.STATES if pytestconfig.getoption("full") else pages.first_states()
    states = [state for state in states if (state.email == OLGA) is is_owners]
    shutil.copy(demo_database, tmp_path / "portal.db")
    with (
        demonstration.serve(tmp_path) as url,
        demonstration.serve_without_database(tmp_path) as (app, broken_url),
    ):
        tour = Tour(chrome, app, url, broken_url, tmp_path / "portal.db", page_paths.RESOLVERS)
        for state in states:
            with tour.open_page(state, PHONE) as page:
                tour.check(page, state)
    assert tour.problems == []


def colours(page: Page) -> object:
    """Of every element but the buttons for the theme, what it is painted with."""
    return page.evaluate(
        """() => [...document.querySelectorAll(':not(.theme *)')].map((it) => {
          const of = getComputedStyle(it);
          return [it.tagName, of.color, of.backgroundColor, of.borderTopColor, of.outlineColor];
        })"""
    )


def test_a_theme_is_chosen_by_keyboard_in_place_and_paints_as_the_system_would(
    person: Callable[..., Page],
) -> None:
    page = person(reduced_motion="reduce")
    sign_in(page, OLGA)
    page.get_by_role("link", name="Add customer").click()
    page.get_by_label(re.compile("^Customer name")).fill("Half written")
    account = page.locator(".who summary")
    account.focus()
    page.emulate_media(color_scheme="dark")
    by_system = colours(page)
    page.emulate_media(color_scheme="light")
    assert colours(page) != by_system

    page.keyboard.press("ArrowDown")
    profile = page.locator(".who").get_by_role("link", name="Profile", exact=True)
    expect(profile).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("button", name="Sign out")).to_be_focused()
    page.keyboard.press("Home")
    dark = page.get_by_role("button", name="Dark")
    for _press in range(10):
        if dark.evaluate("it => it === document.activeElement"):
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(dark).to_have_attribute("aria-pressed", "true")
    expect(dark).to_be_focused()
    page.keyboard.press("Escape")
    expect(account).to_be_focused()
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"
    assert colours(page) == by_system
    expect(page.get_by_label(re.compile("^Customer name"))).to_have_value("Half written")
    page.goto("/console")
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"
