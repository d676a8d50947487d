"""Languages: which there are, which one a page speaks, and how numbers stand in its sentences."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from babel import Locale
from flask import Flask, g, has_request_context, request
from flask_babel import Babel, Domain
from flask_login import current_user
from jinja2 import pass_context
from jinja2.runtime import Context
from werkzeug.utils import cached_property

from portal.i18n.formats import format_numbers

SOURCE = "en"
"""The language that the sentences in the code are written in."""

CATALOGUES = Path(__file__).parent.parent / "translations"
COOKIE = "language"


@cache
def available() -> dict[str, str]:
    """The languages there is a catalogue of, each called as those call it who speak it."""
    codes = {SOURCE, *(path.parent.parent.name for path in CATALOGUES.glob("*/*/messages.mo"))}
    return {code: (Locale.parse(code).display_name or code).capitalize() for code in sorted(codes)}


def page_language() -> str:
    """The signed-in reader's own; else what this browser chose here, else what it asks for."""
    if not has_request_context():
        return SOURCE
    is_known = "is_bare" not in g and current_user.is_authenticated
    wanted = current_user.actor.language if is_known else request.cookies.get(COOKIE, "")
    return wanted if wanted in available() else _asked_for()


def _asked_for() -> str:
    return request.accept_languages.best_match(list(available())) or SOURCE


class _Sentences(Domain):  # type: ignore[misc]
    """The sentences of the code."""

    def gettext(self, string: str, **facts: Any) -> str:
        return str(super().gettext(string, **format_numbers(facts)))

    def ngettext(self, singular: str, plural: str, num: int, **facts: Any) -> str:
        sentence = self.get_translations().ungettext(singular, plural, num)
        return str(sentence % format_numbers({"num": num, **facts}))


class _Languages(Babel):  # type: ignore[misc]
    @cached_property
    def domain_instance(self) -> Domain:
        return _Sentences(domain=self.domain)


def register(app: Flask) -> None:
    """Sentences of code and templates are in the language of the page."""
    _Languages(app, locale_selector=page_language)
    known: dict[str, Any] = app.jinja_env.globals
    known |= {name: _for_templates(known[name]) for name in ("gettext", "ngettext", "pgettext")}


def _for_templates(translate: Callable[..., Any]) -> Callable[..., Any]:
    """Jinja's own function, which fills the gaps itself, given numbers in the reader's writing."""

    @pass_context
    def translated(context: Context, *words: Any, **facts: Any) -> Any:
        counted = {"num": words[-1]} if type(words[-1]) is int else {}
        return translate(context, *words, **format_numbers(counted | facts))

    return translated
