"""Browser tests: a real Chromium, the real server and worker, started as `make run` starts them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from babel.support import Translations
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from portal.i18n.languages import CATALOGUES
from tests.support import accessibility, chromium, demonstration, postgres

REPORT_SCRIPT = """addEventListener(
  'securitypolicyviolation', (it) => report(it.violatedDirective + ' ' + it.blockedURI))"""


class Way(NamedTuple):
    """A configuration of a journey: width and theme of the browser, language, and database."""

    width: int = 1280
    theme: str = "light"
    language: str = "en"
    database: str = "sqlite"

    def __str__(self) -> str:
        return "-".join(map(str, self))


ALL_WAYS = (
    Way(1280, "light", "en", "sqlite"),
    Way(1280, "dark", "ru", "postgresql"),
    Way(768, "light", "ru", "sqlite"),
    Way(768, "dark", "en", "postgresql"),
    Way(375, "light", "en", "postgresql"),
    Way(375, "dark", "ru", "sqlite"),
)
"""Pairwise coverage: every pair of values occurs, in a quarter of all combinations."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test in the ways of its mark `ways`, else in one; with `--full` in all.

    A test with the mark finds labels with `translate`, so it runs in both languages; other tests
    run in English.
    """
    if "way" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("ways")
    ways = mark.args if mark else (Way(),)
    if metafunc.config.getoption("full"):
        ways = ALL_WAYS if mark else tuple(way._replace(language="en") for way in ALL_WAYS)
    metafunc.parametrize("way", ways, ids=str, indirect=True, scope="session")


@pytest.fixture(scope="session")
def way(request: pytest.FixtureRequest) -> Way:
    """The way of this test."""
    way: Way = request.param
    return way


class Sites:
    """Serve one demo at a time: a new one for each database, with `--full` for each way, because
    the same journeys run again."""

    def __init__(
        self, tmp_path_factory: pytest.TempPathFactory, demo_database: Path, *, is_full: bool
    ) -> None:
        self._folders = tmp_path_factory
        self._demo_database = demo_database
        self._is_full = is_full
        self._key: object = None
        self.running = ExitStack()

    def url_for(self, way: Way) -> str:
        """The URL of the way's demo; starts it if it is not the current one."""
        key = way if self._is_full else way.database
        if key != self._key:
            self.running.close()
            self._key, self._url = key, self._start(way.database)
        return self._url

    def _start(self, database: str) -> str:
        changes, folder = {}, self._folders.mktemp("site")
        if database == "postgresql":
            server = self.running.enter_context(postgres.start())
            changes["DATABASE_URL"] = server.create("site")
        else:
            shutil.copy(self._demo_database, folder / "portal.db")
        return self.running.enter_context(demonstration.serve(folder, **changes))


@pytest.fixture(scope="session")
def demo_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the demo, to copy."""
    return demonstration.first_start(tmp_path_factory) / "portal.db"


@pytest.fixture(scope="session")
def sites(
    tmp_path_factory: pytest.TempPathFactory, demo_database: Path, pytestconfig: pytest.Config
) -> Iterator[Sites]:
    sites = Sites(tmp_path_factory, demo_database, is_full=pytestconfig.getoption("full"))
    with sites.running:
        yield sites


@pytest.fixture
def site(sites: Sites, way: Way) -> str:
    """The URL of the demo, with its own database and mailbox."""
    return sites.url_for(way)


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    executable = chromium.find()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable.path, env=dict(executable.env), args=list(executable.args)
        )
        yield browser
        browser.close()


def is_error(message: ConsoleMessage) -> bool:
    """Whether a console message is an error of the portal.

    Chromium logs every 404 and 422 as an error: a form with errors and a missing invitation are
    expected. So are the messages that htmx logs for a request that another one replaced."""
    is_expected = "status of 422" in message.text or (
        "status of 404" in message.text and "/invite/" in message.location["url"]
    )
    is_abort = re.match("htmx:(afterRequest|sendAbort)", message.text)
    return message.type == "error" and not is_expected and not is_abort


@pytest.fixture
def person(chrome: Browser, site: str, way: Way) -> Iterator[Callable[..., Page]]:
    """`person()` opens a page of a new browser context.

    The test fails if a context had a console error, a page error or a violation of the content
    security policy."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_context(**options: Any) -> Page:
        defaults = {
            "viewport": {"width": way.width, "height": 720},
            "color_scheme": way.theme,
            "locale": way.language,
        }
        context = chrome.new_context(base_url=site, **{**defaults, **options})
        contexts.append(context)
        accessibility.prepare(context)
        context.expose_binding("report", lambda _source, what: problems.append(f"CSP: {what}"))
        context.add_init_script(REPORT_SCRIPT)
        context.on("console", lambda m: problems.append(m.text) if is_error(m) else None)
        context.on("weberror", lambda e: problems.append(str(e.error)))
        return context.new_page()

    yield open_context
    for context in contexts:
        context.close()
    assert problems == []


def translate(page: Page, sentence: str, **facts: object) -> str:
    """A sentence of the code in the language of the page."""
    language = page.locator("html").get_attribute("lang") or ""
    translation = Translations.load(CATALOGUES, [language]).gettext(sentence)
    return translation % facts if facts else translation


def field(page: Page, label: str) -> Any:
    """The field whose label begins with this text: *required* or *optional* may follow."""
    return page.get_by_label(re.compile("^" + re.escape(translate(page, label))))


def link(page: Page, sentence: str, **facts: object) -> Any:
    return page.get_by_role("link", name=translate(page, sentence, **facts), exact=True)


def button(page: Page, sentence: str, **facts: object) -> Any:
    return page.get_by_role("button", name=translate(page, sentence, **facts), exact=True)


def sign_in(page: Page, email: str, password: str = "demonstration", language: str = "en") -> None:
    """Sign in as a person of the demo, and set the language of their profile if it is another."""
    page.goto("/sign-in")
    field(page, "E-mail").fill(email)
    field(page, "Password").fill(password)
    button(page, "Sign in").click()
    page.get_by_text(email).first.wait_for()
    if page.locator("html").get_attribute("lang") != language:
        page.goto("/profile")
        field(page, "Language").select_option(language)
        button(page, "Save").click()
        page.locator(f"html[lang={language}]").wait_for(state="attached")
        page.goto("/")
