"""Every page: nothing sticks out, axe finds nothing in either theme, no console complains."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser

from tests import demonstration, pages, way
from tests.tour import Tour

pytestmark = pytest.mark.e2e
PHONE = 375


def test_the_list_names_every_page_of_the_application(app: Flask) -> None:
    readable = {r.endpoint for r in app.url_map.iter_rules() if "GET" in (r.methods or set())}
    named = {shown.endpoint for shown in pages.EVERY} - {""}
    assert named | set(pages.WITHOUT_PAGE) == readable
    assert not named & set(pages.WITHOUT_PAGE)
    assert len({shown.name for shown in pages.EVERY}) == len(pages.EVERY)


def test_every_page_fits_a_phone_and_pleases_axe_in_both_themes(
    chrome: Browser, tmp_path: Path
) -> None:
    with demonstration.served(tmp_path) as url, demonstration.broken(tmp_path) as bare:
        tour = Tour(chrome, bare[0], url, bare[1], way.PLACES)
        for shown in pages.EVERY:
            with tour.opened(shown, PHONE) as page:
                tour.judge(page, shown)
    assert tour.complaints == []
