"""The catalogues of translations: update them from the sources, and compile them.

`make translations` keeps each translation of a sentence that is still in the code, removes the
others, and adds new sentences without a translation. The files are sorted and have no dates or
locations, so that a diff shows only changed sentences.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from portal.i18n.languages import CATALOGUES

ROOT = Path(__file__).resolve().parent.parent.parent
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2"), ("templates/**.txt", "jinja2")]
KEYWORDS = {**DEFAULT_KEYWORDS, "lazy_gettext": None, "lazy_ngettext": (1, 2)}
KEYWORDS["lazy_pgettext"] = KEYWORDS["pgettext"]
HEADER_DATE = datetime(2026, 1, 1, tzinfo=UTC)
"""Babel requires a date in a compiled catalogue."""


def po_path(language: str) -> Path:
    """The path of the language's .po file."""
    return CATALOGUES / language / "LC_MESSAGES" / "messages.po"


def translated_languages() -> list[str]:
    """The languages that have a .po file."""
    return sorted(path.parent.parent.name for path in CATALOGUES.glob("*/*/messages.po"))


def extract_messages(language: str) -> Catalog:
    """A catalogue of all sentences of the code, without translations."""
    catalogue = Catalog(language, fuzzy=False, creation_date=HEADER_DATE, revision_date=HEADER_DATE)
    extracted = extract_from_dir(
        ROOT / "portal", METHODS, {"**/*.*": {"silent": "false"}}, KEYWORDS, strip_comment_tags=True
    )
    for name, _line, message, _comments, context in extracted:
        catalogue.add(message, locations=[(name, None)], context=context)
    return catalogue


def read_catalogue(language: str) -> Catalog:
    """The catalogue in the language's .po file."""
    with po_path(language).open("rb") as file:
        catalogue = read_po(file, locale=language)
    catalogue.creation_date = catalogue.revision_date = HEADER_DATE
    return catalogue


def merge_translations(language: str) -> Catalog:
    """All sentences of the code, with their translations in the .po file."""
    catalogue, translated = extract_messages(language), read_catalogue(language)
    for message in catalogue:
        translation = translated.get(message.id, message.context) if message.id else None
        if translation is not None and translation.pluralizable == message.pluralizable:
            message.string = translation.string
    return catalogue


def format_po(catalogue: Catalog) -> bytes:
    """The content of a .po file."""
    body = io.BytesIO()
    write_po(body, catalogue, width=0, omit_header=True, no_location=True, sort_output=True)
    header = (
        f'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        f'"Language: {catalogue.locale}\\n"\n"Plural-Forms: {catalogue.plural_forms}\\n"\n\n'
    )
    return header.encode() + body.getvalue()


def format_mo(catalogue: Catalog) -> bytes:
    """The content of a .mo file, which the portal reads."""
    body = io.BytesIO()
    write_mo(body, catalogue)
    return body.getvalue()


def update(language: str) -> None:
    """Write both files of a language."""
    path = po_path(language)
    path.write_bytes(format_po(merge_translations(language)))
    path.with_suffix(".mo").write_bytes(format_mo(read_catalogue(language)))


if __name__ == "__main__":
    for code in translated_languages():
        update(code)
        messages = read_catalogue(code)
        empty = [message for message in messages if message.id and not all(message.string or [""])]
        print(f"{code}: {len(messages)} sentences, {len(empty)} of them to translate")
