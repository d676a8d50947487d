"""A real Chromium against the real server and worker, started as `make run` starts them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests import chromium, demonstration


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demonstration on a free port, with a database and a mailbox of its own."""
    with demonstration.served(tmp_path_factory.mktemp("site")) as url:
        yield url


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    found = chromium.find()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found.path, env=dict(found.env), args=list(found.args)
        )
        yield browser
        browser.close()


def is_fault(message: ConsoleMessage) -> bool:
    """Chromium logs every 422 as an error; a form with errors is not a fault of ours. Nor is a
    request that another one replaced: htmx logs its end, and then that it was aborted."""
    is_abort = re.match("htmx:(afterRequest|sendAbort)", message.text)
    return message.type == "error" and "status of 422" not in message.text and not is_abort


@pytest.fixture
def person(chrome: Browser, site: str) -> Iterator[Callable[..., Page]]:
    """`person()` opens a browser profile of its own; at the end none may have had an error on its
    console, a page error or a report of the content security policy."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_profile(**options: object) -> Page:
        context = chrome.new_context(base_url=site, **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if is_fault(m) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_profile
    for context in contexts:
        context.close()
    assert complaints == []


def sign_in(page: Page, email: str, password: str = "demonstration") -> None:
    """As the demonstration's people do."""
    page.goto("/sign-in")
    page.get_by_label(re.compile("^E-mail")).fill(email)
    page.get_by_label(re.compile("^Password")).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text(email).first.wait_for()
