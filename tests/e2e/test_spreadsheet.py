"""A file imported and a view saved in a real Chromium, with a script and without one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import sign_in
from tests.support.journey_steps import assert_accessible

pytestmark = pytest.mark.e2e


def choose(page: Page, folder: Path, who: str) -> None:
    """Upload a file with a good row and a bad one."""
    path = folder / "customers.csv"
    path.write_text(f"name;invitation_email;country\n{who};{who}@import.example;DE\nBad;x;Y\n")
    page.get_by_role("link", name="Import CSV").click()
    page.get_by_label("CSV file").set_input_files(path)
    page.get_by_role("button", name="Upload and check").click()


def test_an_import_shows_by_itself_how_it_goes_on(
    person: Callable[..., Page], tmp_path: Path
) -> None:
    eddie = person(viewport={"width": 375, "height": 720})
    sign_in(eddie, "eddie@halden.example")
    choose(eddie, tmp_path, "Ferrypoint")
    begin = eddie.get_by_role("button", name="Import 1 customer")
    expect(begin).to_be_visible(timeout=20_000)
    assert_accessible(eddie)
    assert eddie.evaluate("document.documentElement.scrollWidth <= innerWidth")
    begin.dblclick()
    expect(eddie.get_by_text("1 customer was added.")).to_be_visible(timeout=20_000)
    assert_accessible(eddie)
    with eddie.expect_download() as download:
        eddie.get_by_role("link", name="Download the refused rows").click()
    assert "no country’s code" in download.value.path().read_text()
    eddie.get_by_role("link", name="Import CSV").click()
    expect(eddie.get_by_role("heading", level=1)).to_have_text("Import CSV")
    assert_accessible(eddie)


def test_without_a_script_the_page_loads_itself_again(
    person: Callable[..., Page], tmp_path: Path
) -> None:
    eddie = person(java_script_enabled=False)
    sign_in(eddie, "eddie@halden.example")
    choose(eddie, tmp_path, "Quaymaster")
    eddie.get_by_role("button", name="Import 1 customer").click(timeout=20_000)
    expect(eddie.get_by_text("1 customer was added.")).to_be_visible(timeout=20_000)


def test_what_is_searched_in_place_can_be_saved_as_a_tab(person: Callable[..., Page]) -> None:
    vera = person()
    sign_in(vera, "vera@halden.example")
    vera.get_by_label("Search customers").press_sequentially("ferr")
    save = vera.get_by_role("link", name="Save this view")
    expect(save).to_be_visible()
    expect(vera.get_by_label("Search customers")).to_be_focused()
    save.click()
    expect(vera.get_by_role("heading", level=1)).to_have_text("Save this view")
    assert_accessible(vera)
    vera.get_by_label("Name of the view").fill("Ferries")
    vera.get_by_role("button", name="Save").click()
    tabs = vera.get_by_role("navigation", name="Saved views")
    expect(tabs.get_by_role("link", name="Ferries")).to_have_attribute("aria-current", "page")
    expect(vera.get_by_label("Search customers")).to_have_value("ferr")
    assert_accessible(vera)
    vera.get_by_role("link", name="Manage views").click()
    expect(vera.get_by_role("heading", level=1)).to_have_text("Saved views")
    assert_accessible(vera)
