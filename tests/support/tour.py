"""A tour of the demonstration in a real browser: signs in, finds the way to a page, judges it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from flask_babel import force_locale, gettext
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from portal.demo import PASSWORD
from portal.i18n import languages

NARROWEST, HEIGHT = 320, 800
THEMES = ("light", "dark")
ALL_RULES = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
COLOUR_RULES = {"resultTypes": ["violations"], "runOnly": ["color-contrast", "link-in-text-block"]}
"""What a theme can change."""
ID_PATTERN = "[0-9a-z]{3}[0-9a-v]{17}"


@dataclass(frozen=True)
class PageState:
    """A page in one of its states: who sees it, and the way there."""

    name: str
    endpoint: str
    """Of the address at which the way ends; empty where no page is found."""
    who: str
    """Address of the signed-in person; empty where nobody is."""
    go: Callable[[Tour, Page], None]
    status: int = 200


@dataclass
class Tour:
    """The demonstration at `url`, and at `broken` the application `app` without a database."""

    browser: Browser
    app: Flask
    url: str
    broken: str
    places: Mapping[str, Callable[[Page, Tour], str]]
    """How to find what an address needs, by the name that it has in `{}` there."""
    language: str = languages.SOURCE
    """Which the pages speak: the browser asks for it, and everyone's profile is set to it."""
    complaints: list[str] = field(default_factory=list)
    """What is wrong with the pages seen so far, each with its name."""
    _who: str = ""
    _contexts: dict[str, tuple[BrowserContext, list[Any]]] = field(default_factory=dict)
    """Of each person, with the cookies of a session just begun: what a page fetches is kept."""
    _titles: dict[tuple[str, str], str] = field(default_factory=dict)
    _found: dict[tuple[str, str], str] = field(default_factory=dict)

    def address(self, page: Page, path: str) -> str:
        """`path` with its places filled in, each looked up once by a person."""

        def found(match: re.Match[str]) -> str:
            key = (self._who, match[1])
            if key not in self._found:
                self._found[key] = self.places[match[1]](page, self)
            return self._found[key]

        return re.sub(r"{(\w+)}", found, path)

    def words(self, sentence: str, **facts: str) -> str:
        """The sentence as the pages say it."""
        with self.app.test_request_context(), force_locale(self.language):
            return str(gettext(sentence, **facts))

    @contextmanager
    def opened(self, shown: PageState, width: int) -> Iterator[Page]:
        """The page at the end of its way; what its console says against it is noted until then."""
        context, cookies = self._context_of(shown.who)
        context.clear_cookies()
        context.add_cookies(cookies)
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": HEIGHT})
        self._who = shown.who
        self._listen(page, shown)
        try:
            shown.go(self, page)
            page.wait_for_load_state()
            self._is_there(page, shown)
            yield page
        finally:
            page.close()

    def judge(self, page: Page, shown: PageState) -> None:
        """Whether all of it is within the window, its title its own, and what axe finds."""
        self.complain(
            shown,
            find_overflow(page),
            find_small_targets(page),
            self._title_of_another(page, shown),
        )
        for theme, rules in zip(THEMES, (ALL_RULES, COLOUR_RULES), strict=True):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            self.complain(shown, *(f"{theme}: {found}" for found in find_violations(page, rules)))

    def complain(self, shown: PageState, *found: str) -> None:
        self.complaints += [f"{shown.name}: {one}" for one in found if one]

    def _listen(self, page: Page, shown: PageState) -> None:
        def hear(message: ConsoleMessage) -> None:
            is_expected = re.search(rf"status of (422|{shown.status}) ", message.text)
            if message.type == "error" and not is_expected:
                self.complain(shown, message.text)

        page.on("console", hear)
        page.on("pageerror", lambda error: self.complain(shown, str(error)))

    def _is_there(self, page: Page, shown: PageState) -> None:
        if shown.endpoint:
            urls = self.app.url_map.bind("")
            endpoint, _values = urls.match(urlsplit(page.url).path)
            assert endpoint == shown.endpoint, f"{shown.name} ends at {page.url}"

    def _title_of_another(self, page: Page, shown: PageState) -> str:
        """Whoever has several tabs open tells them apart by their titles."""
        path = urlsplit(page.url).path
        first = self._titles.setdefault((shown.who, page.title()), path)
        is_same = first == path or not shown.endpoint
        return "" if is_same else f"titled {page.title()!r}, as {first} is"

    def _context_of(self, who: str) -> tuple[BrowserContext, list[Any]]:
        if who not in self._contexts:
            context = self.browser.new_context(
                base_url=self.url,
                locale=self.language,
                reduced_motion="reduce",  # colours on their way are nobody's choice
            )
            page = context.new_page()
            if who:
                sign_in(page, who)
            if who and self.language != languages.SOURCE:
                set_language(page, self.language)
            page.close()
            self._contexts[who] = context, context.cookies()
        return self._contexts[who]


def sign_in(page: Page, who: str) -> None:
    page.goto("/sign-in?switch=1")
    page.fill("#email", who)
    page.fill("#password", PASSWORD)
    page.click("main form [type=submit]")
    page.wait_for_url(lambda url: "/sign-in" not in url)


def set_language(page: Page, language: str) -> None:
    """Set the signed-in person's profile to it."""
    page.goto("/profile")
    page.select_option("#language", language)
    page.locator("main form:has(#language) [type=submit]").click()
    page.locator(f"html[lang={language}]").wait_for()


def find_overflow(page: Page) -> str:
    """What sticks out of the window to the right, if that can be scrolled sideways; else empty."""
    found: str = page.evaluate(
        """() => {
          if (document.documentElement.scrollWidth <= innerWidth) return '';
          const out = (it) => it.checkVisibility() && it.getBoundingClientRect().right > innerWidth;
          const all = [...document.body.querySelectorAll('*')].filter(out);
          return 'sticks out: ' + all.slice(-3).map((it) => it.outerHTML.slice(0, 120)).join(' ');
        }"""
    )
    return found


def find_small_targets(page: Page) -> str:
    """What can be pressed, and is so narrow or low that nobody finds it, or a short way back whose
    words are cut; else empty."""
    found: str = page.evaluate(
        """() => {
          const all = [...document.querySelectorAll('main :is(a, button, input, summary)')];
          const lost = all.filter((it) => it.checkVisibility() && !it.closest('.visually-hidden'))
            .filter((it) => Math.min(it.offsetWidth, it.offsetHeight) < 8
              || (it.matches('.back') && it.textContent.length < 30
                && it.scrollWidth > it.clientWidth));
          const told = lost.slice(0, 3).map((it) => it.outerHTML.slice(0, 120)).join(' ');
          return told && `squeezed: ${told}`;
        }"""
    )
    return found


def find_violations(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe finds: each rule with the first elements. An open menu lies over other targets."""
    if page.locator("details.menu[open]").count():
        options = {**options, "rules": {}}
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    found = page.evaluate("options => axe.run(options)", options)["violations"]
    return [f"{one['id']}: {[node['html'][:120] for node in one['nodes'][:3]]}" for one in found]
