"""A state of a page: who sees it, the path to it, and the steps there."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.support.page_paths import Step
from tests.support.tour import PageState, Tour

PARENT_BLUEPRINTS = {
    **dict.fromkeys(("customers", "team", "activity"), "partner."),
    **dict.fromkeys(("access", "accesses", "billing", "claims", "clouds", "linking"), "console."),
}


def state(
    name: str, endpoint: str, email: str, path: str, *steps: Step, status: int = 200
) -> PageState:
    """The state that the page at `path` has after the steps."""

    def navigate(tour: Tour, page: Page) -> None:
        page.goto(tour.resolve(page, path))
        for step in steps:
            step(page)

    parent = PARENT_BLUEPRINTS.get(endpoint.partition(".")[0], "")
    return PageState(name, parent + endpoint, email, navigate, status)
