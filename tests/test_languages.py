"""Languages: nothing is said outside the catalogue, and it is whole; whose language is spoken."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages import Message
from jinja2 import Environment

from tests import catalogue
from tests.map import modules

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = sorted((ROOT / "portal" / "templates").rglob("*.*"))
LANGUAGES = catalogue.translated()
GAP = re.compile(r"%\((\w+)\)s|</?\w+")
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


def sentences(language: str) -> list[Message]:
    return [message for message in catalogue.kept(language) if message.id]


def forms(text: str | tuple[str, ...] | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


# The catalogue


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_has_the_sentences_of_the_sources_and_no_other(language: str) -> None:
    file = catalogue.po_of(language).read_bytes()
    assert file == catalogue.as_po(catalogue.filled(language)), "run: make translations"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_is_the_catalogue(language: str) -> None:
    compiled = catalogue.po_of(language).with_suffix(".mo").read_bytes()
    assert compiled == catalogue.as_mo(catalogue.kept(language)), "run: make translations"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_is_a_guess_or_left_over(language: str) -> None:
    kept = catalogue.kept(language)
    assert not kept.obsolete
    assert not [message.id for message in kept if message.fuzzy]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_translated(language: str) -> None:
    empty = [message.id for message in sentences(language) if not all(forms(message.string))]
    assert not empty, f"to translate: {empty}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_keeps_gaps_and_markup(language: str) -> None:
    for message in sentences(language):
        wanted = Counter(GAP.findall(forms(message.id)[-1]))
        for form in filter(None, forms(message.string)):
            assert Counter(GAP.findall(form)) == wanted, message.id


def test_no_full_stop_follows_a_russian_day_which_ends_in_one() -> None:
    after = re.compile(r"%\(day\)s(</\w+>)?\.")
    said = [form for message in sentences("ru") for form in forms(message.string)]
    assert not [form for form in said if after.search(form)]


# Nothing is said outside of it

CODES = {"SUBACCOUNT-", "ACCEPTANCE-", "REQUIRED", "Active"}
"""Statuses, which stand in code form in every language."""

SPOKEN = {"title", "aria-label", "placeholder", "alt"}
UNSPOKEN_DATA = {"data-dialog", "data-poll", "data-role"}
"""Attributes of data that name a thing of the page, and are not read to anyone."""


LENT = re.compile(r'(?!title|aria-label|placeholder|alt)[\w-]+="[^"]*"')
"""Attributes outside of a tag, which a macro lends to whatever tag asks for them."""


class _Said(HTMLParser):
    """What the markup of a template says by itself, its tags and expressions taken out."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(markup)
        self.close()

    def handle_data(self, data: str) -> None:
        self.found += LENT.sub("", data).split()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in SPOKEN or (name.startswith("data-") and name not in UNSPOKEN_DATA):
                self.found += (value or "").split()


def words(text: str) -> set[str]:
    return {word for word in text.split() if re.search(r"[^\W\d_]", word)}


def said_by(path: Path) -> set[str]:
    """Words that stand in a template itself, outside of its expressions."""
    tokens = Environment(autoescape=True).lex(path.read_text())
    markup = ""
    for _line, kind, text in tokens:
        if kind in ("data", "raw_data"):
            markup += text
        elif kind == "variable_begin" and markup.endswith(("<", "</")):
            markup += "tag"
    if path.suffix == ".txt":  # a mail's text, where a link stands bare
        return words(re.sub(r"[/?][\w/=-]*", "", markup))
    return words(" ".join(_Said(markup).found))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: "/".join(path.parts[-2:]))
def test_a_template_says_nothing_by_itself(path: Path) -> None:
    assert said_by(path) <= CODES


def test_the_check_of_templates_finds_what_is_said() -> None:
    markup = '<p title="Hello">{{ _("kept") }} world<img alt="A cat" data-said="aloud"></p>'
    assert words(" ".join(_Said(re.sub(r"\{\{.*\}\}", "", markup)).found)) == {
        *("Hello", "world", "A", "cat", "aloud")
    }


SPEAKS = re.compile(r"flash|ValidationError|InputRequired|\w+Field|Step|News|_page")
"""Calls that hand a text to people."""


def unwrapped(tree: ast.AST) -> Iterator[str]:
    """Texts that are handed to people as they stand, in no language's catalogue."""
    for call in ast.walk(tree):
        name = getattr(call.func, "id", "") if isinstance(call, ast.Call) else ""
        if isinstance(call, ast.Call) and SPEAKS.fullmatch(name):
            first = call.args[:1]
            told = [*first, *(k.value for k in call.keywords if k.arg in ("label", "description"))]
            for value in told:
                if isinstance(value, ast.JoinedStr) or (
                    isinstance(value, ast.Constant) and " " in str(value.value)
                ):
                    yield f"{call.lineno}: {ast.unparse(value)}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: "/".join(path.parts[-2:]))
def test_the_code_hands_no_bare_text_to_people(path: Path) -> None:
    assert not list(unwrapped(ast.parse(path.read_text())))
