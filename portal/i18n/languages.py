"""Languages: the available ones, a page's language, numbers within translated sentences."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from babel import Locale
from flask import Flask, current_app, has_request_context, request
from flask_babel import Babel, Domain
from jinja2 import pass_context
from jinja2.runtime import Context
from werkzeug.utils import cached_property

from portal.i18n.formats import format_numbers
from portal.i18n.reader import reader

SOURCE = "en"
"""The language of the sentences in the code."""

CATALOGUES = Path(__file__).parent.parent / "translations"


@cache
def available() -> dict[str, str]:
    """Return the languages with a catalogue and the source: code → name in that language."""
    codes = {SOURCE, *(path.parent.parent.name for path in CATALOGUES.glob("*/*/messages.mo"))}
    return {code: (Locale.parse(code).display_name or code).capitalize() for code in sorted(codes)}


def page_language() -> str:
    """Return the user's language; signed out, the browser's choice here or its Accept-Language."""
    if not has_request_context():
        return SOURCE
    user = reader()
    language = user.language if user else request.cookies.get(cookie_name(), "")
    return language if language in available() else _accepted_language()


def cookie_name() -> str:
    """Return the name of the cookie with the browser's choice; begins as the session's does."""
    return f"{current_app.config['SESSION_COOKIE_NAME']}-language"


def _accepted_language() -> str:
    return request.accept_languages.best_match(list(available())) or SOURCE


class _NumberFormattingDomain(Domain):  # type: ignore[misc]
    """Translates with whole numbers in the reader's format."""

    def gettext(self, string: str, **facts: Any) -> str:
        return str(super().gettext(string, **format_numbers(facts)))

    def ngettext(self, singular: str, plural: str, num: int, **facts: Any) -> str:
        sentence = self.get_translations().ungettext(singular, plural, num)
        return str(sentence % format_numbers({"num": num, **facts}))


class _NumberFormattingBabel(Babel):  # type: ignore[misc]
    @cached_property
    def domain_instance(self) -> Domain:
        return _NumberFormattingDomain(domain=self.domain)


def register(app: Flask) -> None:
    """Translate sentences of code and templates into the page's language."""
    _NumberFormattingBabel(app, locale_selector=page_language)
    functions: dict[str, Any] = app.jinja_env.globals
    functions |= {
        name: _with_formatted_numbers(functions[name])
        for name in ("gettext", "ngettext", "pgettext")
    }


def _with_formatted_numbers(translate: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap Jinja's function, which fills the placeholders itself, to format whole numbers."""

    @pass_context
    def wrapper(context: Context, *arguments: Any, **facts: Any) -> Any:
        count = {"num": arguments[-1]} if type(arguments[-1]) is int else {}
        return translate(context, *arguments, **format_numbers(count | facts))

    return wrapper
