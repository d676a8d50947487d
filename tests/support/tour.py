"""A tour of the demo in a real browser: sign in, navigate to a page, check it."""

from __future__ import annotations

import math
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask_babel import force_locale, gettext
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from portal.demo import PASSWORD
from portal.i18n import languages
from tests.support import accessibility

NARROWEST, HEIGHT = 320, 800
THEMES = ("light", "dark")
ALL_RULES = {"rules": {"target-size": {"enabled": True}}}
COLOUR_RULES = {"runOnly": ["color-contrast", "link-in-text-block"]}
"""The rules whose result depends on the theme."""
SIGN_IN_SECONDS = 300
"""How long a sign-in is used: sensitive pages need one of the last ten minutes."""
ID_PATTERN = "[0-9a-z]{3}[0-9a-v]{17}"


@dataclass(frozen=True)
class PageState:
    """A page in one of its states: who sees it, and how to navigate to it."""

    name: str
    endpoint: str
    """The endpoint of the final address; empty for a page without an endpoint."""
    email: str
    """The address of the signed-in person; empty for an anonymous visitor."""
    navigate: Callable[[Tour, Page], None]
    status: int = 200


@dataclass
class Tour:
    """The demo at `url`, and the application `app` without a database at `broken_url`."""

    browser: Browser
    app: Flask
    url: str
    broken_url: str
    database: Path
    """The demo's database."""
    resolvers: Mapping[str, Callable[[Page, Tour], str]]
    """A function for each path parameter, by the name that it has in `{}`."""
    language: str = languages.SOURCE
    """The language of the browser and of every profile."""
    problems: list[str] = field(default_factory=list)
    """The problems of the pages so far, each with the page's name."""
    _email: str = ""
    _contexts: dict[str, BrowserContext] = field(default_factory=dict)
    """Each person's context, which keeps its HTTP cache."""
    _cookies: dict[str, tuple[list[Any], float]] = field(default_factory=dict)
    """The cookies of each person's new session, and when it began."""
    _titles: dict[tuple[str, str], str] = field(default_factory=dict)
    _resolved: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def email(self) -> str:
        """The address of the person whose page is open."""
        return self._email

    def resolve(self, page: Page, path: str) -> str:
        """`path` with its parameters filled in; each is looked up once per person."""

        def replacement(match: re.Match[str]) -> str:
            key = (self._email, match[1])
            if key not in self._resolved:
                self._resolved[key] = self.resolvers[match[1]](page, self)
            return self._resolved[key]

        return re.sub(r"{(\w+)}", replacement, path)

    def translate(self, sentence: str, **facts: str) -> str:
        """The sentence in the language of the tour."""
        with self.app.test_request_context(), force_locale(self.language):
            return str(gettext(sentence, **facts))

    @contextmanager
    def open_page(self, state: PageState, width: int) -> Iterator[Page]:
        """The page in this state; records the errors of its console while it is open."""
        context = self._context(state.email)
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": HEIGHT})
        self._email = state.email
        self._record_errors(page, state)
        try:
            state.navigate(self, page)
            page.wait_for_load_state()
            self._assert_endpoint(page, state)
            yield page
        finally:
            page.close()

    def check(self, page: Page, state: PageState) -> None:
        """Record overflow, small targets, a duplicate title and the violations that axe finds."""
        self.record(
            state,
            find_overflow(page),
            find_small_targets(page),
            self._find_duplicate_title(page, state),
        )
        for theme, rules in zip(THEMES, (ALL_RULES, COLOUR_RULES), strict=True):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            violations = find_violations(page, rules)
            self.record(state, *(f"{theme}: {violation}" for violation in violations))

    def record(self, state: PageState, *problems: str) -> None:
        """Add the problems that are not empty."""
        self.problems += [f"{state.name}: {problem}" for problem in problems if problem]

    def _record_errors(self, page: Page, state: PageState) -> None:
        def record_message(message: ConsoleMessage) -> None:
            is_expected = re.search(rf"status of (422|{state.status}) ", message.text)
            if message.type == "error" and not is_expected:
                self.record(state, message.text)

        page.on("console", record_message)
        page.on("pageerror", lambda error: self.record(state, str(error)))

    def _assert_endpoint(self, page: Page, state: PageState) -> None:
        if state.endpoint:
            urls = self.app.url_map.bind("")
            endpoint, _values = urls.match(urlsplit(page.url).path)
            assert endpoint == state.endpoint, f"{state.name} ends at {page.url}"

    def _find_duplicate_title(self, page: Page, state: PageState) -> str:
        """The problem, or an empty string: titles tell the tabs of a browser apart."""
        path = urlsplit(page.url).path
        first = self._titles.setdefault((state.email, page.title()), path)
        is_same = first == path or not state.endpoint
        return "" if is_same else f"titled {page.title()!r}, as {first} is"

    def make_sign_in_old(self, email: str) -> None:
        """Let the person's sessions be of a sign-in of long ago."""
        sql = """UPDATE sessions SET authenticated_at = '2026-01-01 00:00:00'
                 WHERE user_id = (SELECT id FROM users WHERE email = ?)"""
        with closing(sqlite3.connect(self.database, timeout=20)) as connection, connection:
            connection.execute(sql, [email])

    def _context(self, email: str) -> BrowserContext:
        """The person's context, in a session whose sign-in is recent."""
        if email not in self._contexts:
            self._contexts[email] = self.browser.new_context(
                base_url=self.url,
                locale=self.language,
                reduced_motion="reduce",  # axe must not measure colours during a transition
            )
            accessibility.prepare(self._contexts[email])
            # Open to the end: the process of a context ends with its last page.
            self._contexts[email].new_page().goto("/healthz")
        context = self._contexts[email]
        cookies, began_at = self._cookies.get(email, ([], -math.inf))
        if email and time.monotonic() - began_at > SIGN_IN_SECONDS:
            cookies = self._sign_in(context, email)
        context.clear_cookies()
        context.add_cookies(cookies)
        return context

    def _sign_in(self, context: BrowserContext, email: str) -> list[Any]:
        """The cookies of a new session."""
        page = context.new_page()
        sign_in(page, email)
        if self.language != languages.SOURCE:
            set_language(page, self.language)
        page.close()
        cookies: list[Any] = context.cookies()
        self._cookies[email] = cookies, time.monotonic()
        return cookies


def sign_in(page: Page, email: str) -> None:
    page.goto("/sign-in?switch=1")
    page.fill("#email", email)
    page.fill("#password", PASSWORD)
    page.click("main form [type=submit]")
    page.wait_for_url(lambda url: "/sign-in" not in url)


def set_language(page: Page, language: str) -> None:
    """Set the language in the signed-in person's profile."""
    page.goto("/profile")
    page.select_option("#language", language)
    page.locator("main form:has(#language) [type=submit]").click()
    page.locator(f"html[lang={language}]").wait_for()


def find_overflow(page: Page) -> str:
    """The last elements that overflow the window to the right; empty if it can't be scrolled."""
    problem: str = page.evaluate(
        """() => {
          if (document.documentElement.scrollWidth <= innerWidth) return '';
          const out = (it) => it.checkVisibility() && it.getBoundingClientRect().right > innerWidth;
          const all = [...document.body.querySelectorAll('*')].filter(out);
          return 'overflow: ' + all.slice(-3).map((it) => it.outerHTML.slice(0, 120)).join(' ');
        }"""
    )
    return problem


def find_small_targets(page: Page) -> str:
    """The first controls that are less than 8 pixels wide or high, and short back links with
    clipped text; else empty."""
    problem: str = page.evaluate(
        """() => {
          const all = [...document.querySelectorAll('main :is(a, button, input, summary)')];
          const small = all.filter((it) => it.checkVisibility() && !it.closest('.visually-hidden'))
            .filter((it) => Math.min(it.offsetWidth, it.offsetHeight) < 8
              || (it.matches('.back') && it.textContent.length < 30
                && it.scrollWidth > it.clientWidth));
          const shown = small.slice(0, 3).map((it) => it.outerHTML.slice(0, 120)).join(' ');
          return shown && `small targets: ${shown}`;
        }"""
    )
    return problem


def find_violations(page: Page, options: dict[str, Any]) -> list[str]:
    """The violations that axe finds; the size of targets is not checked while an open menu covers
    others."""
    if page.locator("details.menu[open]").count():
        options = {**options, "rules": {}}
    return accessibility.find_violations(page, options)
