"""Languages: the available ones, a page's language, numbers within translated sentences."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from babel import Locale
from flask import Flask, current_app, has_request_context, request
from flask_babel import Babel, Domain, get_locale, get_translations
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup
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
    functions = {
        "gettext": _for_templates(lambda texts, *words: texts.ugettext(*words)),
        "ngettext": _for_templates(lambda texts, *words: texts.ungettext(*words)),
        "pgettext": _for_templates(lambda texts, *words: texts.upgettext(*words)),
    }
    app.jinja_env.globals.update(functions, _=functions["gettext"])


def _for_templates(look_up: Callable[..., str]) -> Callable[..., Any]:
    """A function of templates that fills the placeholders of a sentence, as Jinja's own does, with
    whole numbers in the reader's format. A page has some seventy sentences: each without
    placeholders is looked up once per language."""
    finished: dict[tuple[Any, ...], str] = {}

    def render(words: tuple[Any, ...], facts: dict[str, Any], *, escapes: bool) -> Any:
        sentence = look_up(get_translations(), *words)
        rendered = Markup(sentence) if escapes else sentence  # noqa: S704 - the code's own words
        return rendered % format_numbers(facts)

    @pass_context
    def translate(context: Context, *words: Any, **facts: Any) -> Any:
        escapes = context.eval_ctx.autoescape
        if type(words[-1]) is int:
            return render(words, {"num": words[-1], **facts}, escapes=escapes)
        if facts:
            return render(words, facts, escapes=escapes)
        locale = get_locale()
        key = (locale and (locale.language, locale.territory), escapes, *words)
        if key not in finished:
            finished[key] = render(words, {}, escapes=escapes)
        return finished[key]

    return translate
