"""The catalogue of each language: it is whole, compiled, and keeps what stands in gaps."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from babel.messages import Message

from tests.support import catalogue

LANGUAGES = catalogue.translated_languages()
GAP = re.compile(r"%\((\w+)\)s|</?\w+")


def sentences(language: str) -> list[Message]:
    return [message for message in catalogue.read_catalogue(language) if message.id]


def forms(text: str | tuple[str, ...] | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_has_the_sentences_of_the_sources_and_no_other(language: str) -> None:
    file = catalogue.po_path(language).read_bytes()
    assert file == catalogue.format_po(catalogue.merge_translations(language)), (
        "run: make translations"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_is_the_catalogue(language: str) -> None:
    compiled = catalogue.po_path(language).with_suffix(".mo").read_bytes()
    assert compiled == catalogue.format_mo(catalogue.read_catalogue(language)), (
        "run: make translations"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_is_a_guess_or_left_over(language: str) -> None:
    kept = catalogue.read_catalogue(language)
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
