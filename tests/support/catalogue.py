"""The catalogues of translations: brought up to what the sources say, and compiled.

`make translations`: every sentence of the code is in the catalogue, and no other; what was
translated stays, nothing is guessed, and the new ones are empty. The files are in the order of the
alphabet and hold no dates and no places, so that they change only where a sentence does.
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
"""Babel wants a date in a compiled catalogue."""


def po_path(language: str) -> Path:
    """The file that is translated."""
    return CATALOGUES / language / "LC_MESSAGES" / "messages.po"


def translated_languages() -> list[str]:
    """The languages that have one."""
    return sorted(path.parent.parent.name for path in CATALOGUES.glob("*/*/messages.po"))


def extract_messages(language: str) -> Catalog:
    """All sentences of the code, without translations."""
    found = Catalog(language, fuzzy=False, creation_date=HEADER_DATE, revision_date=HEADER_DATE)
    extracted = extract_from_dir(
        ROOT / "portal", METHODS, {"**/*.*": {"silent": "false"}}, KEYWORDS, strip_comment_tags=True
    )
    for name, _line, words, _comments, context in extracted:
        found.add(words, locations=[(name, None)], context=context)
    return found


def read_catalogue(language: str) -> Catalog:
    """What the file has."""
    with po_path(language).open("rb") as file:
        found = read_po(file, locale=language)
    found.creation_date = found.revision_date = HEADER_DATE
    return found


def merge_translations(language: str) -> Catalog:
    """All sentences of the code, with the translations that the file has of them."""
    wanted, known = extract_messages(language), read_catalogue(language)
    for message in wanted:
        found = known.get(message.id, message.context) if message.id else None
        if found is not None and found.pluralizable == message.pluralizable:
            message.string = found.string
    return wanted


def format_po(catalogue: Catalog) -> bytes:
    """The text of the file."""
    body = io.BytesIO()
    write_po(body, catalogue, width=0, omit_header=True, no_location=True, sort_output=True)
    header = (
        f'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        f'"Language: {catalogue.locale}\\n"\n"Plural-Forms: {catalogue.plural_forms}\\n"\n\n'
    )
    return header.encode() + body.getvalue()


def format_mo(catalogue: Catalog) -> bytes:
    """What the portal reads."""
    body = io.BytesIO()
    write_mo(body, catalogue)
    return body.getvalue()


def update(language: str) -> None:
    """Both files of a language."""
    path = po_path(language)
    path.write_bytes(format_po(merge_translations(language)))
    path.with_suffix(".mo").write_bytes(format_mo(read_catalogue(language)))


if __name__ == "__main__":
    for one in translated_languages():
        update(one)
        empty = [m for m in read_catalogue(one) if m.id and not all(m.string or [""])]
        print(f"{one}: {len(read_catalogue(one))} sentences, {len(empty)} of them to translate")
