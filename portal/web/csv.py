"""Files for spreadsheet programs: CSV in UTF-8 whose cells are text and never formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator

from portal.domain.errors import Refused

MARK = "\ufeff"
"""Tells Excel that the file is UTF-8."""

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")

SEPARATORS = ",;\t"
"""What spreadsheet programs write between cells, by country and by taste."""

ZIPPED = b"PK\x03\x04"
"""How an .xlsx or .ods begins."""

NOT_UTF8 = re.compile("[\udc80-\udcff]")


def write_rows(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The file piece by piece; a cell that a program would take for a formula gets an apostrophe
    before it (OWASP, CSV injection), and so does one that looks as if it had got one."""
    yield MARK
    for row in rows:
        out = io.StringIO()
        csv.writer(out).writerow([_harmless(str(cell)) for cell in row])
        yield out.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.lstrip("'").startswith(FORMULA_SIGNS) else cell


def read_rows(content: bytes) -> Iterator[list[str]]:
    """The cells of a CSV file in UTF-8, row by row, as `lines` was given them: the apostrophe
    before a formula is taken off again.

    Raises Refused, with row and column counted from 1: "file-not-csv", "file-not-utf8",
    "file-nul", "file-quotes".
    """
    if content.startswith(ZIPPED):
        raise Refused("file-not-csv", field="file")
    text = content.decode("utf-8-sig", "surrogateescape")
    header = re.split("[\r\n]", text.lstrip(), maxsplit=1)[0]
    separator = max(SEPARATORS, key=header.count)
    shape = re.compile(
        rf'(?:"([^"]*+(?:""[^"]*+)*+)"|([^"\r\n{separator}][^\r\n{separator}]*+)?)'
        rf"({separator}|\r\n|[\r\n]|\Z)"
    )
    number, row, at = 1, list[str](), 0
    while at < len(text) or row:
        found = shape.match(text, at)
        place = {"row": number, "column": len(row) + 1}
        if found is None:
            raise Refused("file-quotes", field="file", **place)
        quoted, bare, end = found.groups(default="")
        row.append(_plain(quoted.replace('""', '"') or bare, place))
        at = found.end()
        if end != separator:
            yield row
            number, row = number + 1, []


def _plain(cell: str, place: dict[str, int]) -> str:
    if NOT_UTF8.search(cell):
        raise Refused("file-not-utf8", field="file", **place)
    if "\0" in cell:
        raise Refused("file-nul", field="file", **place)
    is_escaped = cell.startswith("'") and cell.lstrip("'").startswith(FORMULA_SIGNS)
    return cell[1:] if is_escaped else cell
