"""A real Chromium against the real server and worker, started as `make run` starts them."""

from __future__ import annotations

import fcntl
import os
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
from tests.support import chromium, demonstration, postgres

REPORT_SCRIPT = """addEventListener(
  'securitypolicyviolation', (it) => report(it.violatedDirective + ' ' + it.blockedURI))"""


class Way(NamedTuple):
    """How a journey is made: in what browser, in which language, and on which database."""

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
"""Six ways in which each width meets each theme, language and database, and each of these each
other: what two of them do to each other is found, at an eighth of the price of all."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test is made in the ways of its mark `ways`, else in one; with `--full` in every one.

    Who has the mark finds labels with `said`, so goes both languages; others are made in English.
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
    found: Way = request.param
    return found


class Sites:
    """One demonstration at a time: another way's is started where its database is another, and
    with `--full` for each way, because the same journeys are made again."""

    def __init__(
        self, tmp_path_factory: pytest.TempPathFactory, demo_database: Path, *, is_full: bool
    ) -> None:
        self._folders = tmp_path_factory
        self._demo_database = demo_database
        self._is_full = is_full
        self._key: object = None
        self.running = ExitStack()

    def of(self, way: Way) -> str:
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
    """A database with the demonstration, to copy: told once for all workers of a run."""
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    folder = tmp_path_factory.getbasetemp()
    file = (folder.parent if is_worker else folder) / "demonstration.db"
    with file.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            part = file.with_suffix(".part")
            demonstration.create_database(part)
            part.rename(file)
    return file


@pytest.fixture(scope="session")
def sites(
    tmp_path_factory: pytest.TempPathFactory, demo_database: Path, pytestconfig: pytest.Config
) -> Iterator[Sites]:
    found = Sites(tmp_path_factory, demo_database, is_full=pytestconfig.getoption("full"))
    with found.running:
        yield found


@pytest.fixture
def site(sites: Sites, way: Way) -> str:
    """The demonstration on a free port, with a database and a mailbox of its own."""
    return sites.of(way)


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    found = chromium.find()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found.path, env=dict(found.env), args=list(found.args)
        )
        yield browser
        browser.close()


def is_error(message: ConsoleMessage) -> bool:
    """Chromium logs every 422 and 404 as an error; a form with errors, and the page that says there
    is no invitation, are no faults of ours. Nor is a request that another one replaced: htmx logs
    its end, and then that it was aborted."""
    is_answer = "status of 422" in message.text or (
        "status of 404" in message.text and "/invite/" in message.location["url"]
    )
    is_abort = re.match("htmx:(afterRequest|sendAbort)", message.text)
    return message.type == "error" and not is_answer and not is_abort


@pytest.fixture
def person(chrome: Browser, site: str, way: Way) -> Iterator[Callable[..., Page]]:
    """`person()` opens a browser profile of its own; at the end none may have had an error on its
    console, a page error or a report of the content security policy."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_profile(**options: Any) -> Page:
        asked = {
            "viewport": {"width": way.width, "height": 720},
            "color_scheme": way.theme,
            "locale": way.language,
        }
        context = chrome.new_context(base_url=site, **{**asked, **options})
        contexts.append(context)
        context.expose_binding("report", lambda _source, what: complaints.append(f"CSP: {what}"))
        context.add_init_script(REPORT_SCRIPT)
        context.on("console", lambda m: complaints.append(m.text) if is_error(m) else None)
        context.on("weberror", lambda e: complaints.append(str(e.error)))
        return context.new_page()

    yield open_profile
    for context in contexts:
        context.close()
    assert complaints == []


def translate(page: Page, sentence: str, **facts: object) -> str:
    """A sentence of the code as this page says it, in its language."""
    language = page.locator("html").get_attribute("lang") or ""
    translated = Translations.load(CATALOGUES, [language]).gettext(sentence)
    return translated % facts if facts else translated


def field(page: Page, label: str) -> Any:
    """The field with this label, whatever is said after it: required, optional."""
    return page.get_by_label(re.compile("^" + re.escape(translate(page, label))))


def link(page: Page, sentence: str, **facts: object) -> Any:
    return page.get_by_role("link", name=translate(page, sentence, **facts), exact=True)


def button(page: Page, sentence: str, **facts: object) -> Any:
    return page.get_by_role("button", name=translate(page, sentence, **facts), exact=True)


def sign_in(page: Page, email: str, password: str = "demonstration", language: str = "en") -> None:
    """As the demonstration's people do; who reads another language says so in their profile."""
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
