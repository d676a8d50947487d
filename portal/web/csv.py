"""Files for spreadsheet programs: CSV in UTF-8 whose cells are text and never formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from itertools import islice

from portal.domain.errors import Code, Refused

MARK = "\ufeff"
"""Tells Excel that the file is UTF-8."""

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")

SEPARATORS = ",;\t"
"""What spreadsheet programs write between cells, by country and by taste."""

ZIPPED = b"PK\x03\x04"
"""How an .xlsx or .ods begins."""

csv.field_size_limit(2**31 - 1)  # the file's size is bounded where it is uploaded

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
        raise Refused(Code.FILE_NOT_CSV, field="file")
    text = content.decode("utf-8-sig", "surrogateescape")
    header = re.split("[\r\n]", text.lstrip(), maxsplit=1)[0]
    separator = max(SEPARATORS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = lines_read = 0
    try:
        for number, cells in enumerate(reader, start=1):
            yield [_plain(cell, number, column) for column, cell in enumerate(cells or [""], 1)]
            lines_read = reader.line_num
    except csv.Error:
        unread = "".join(islice(io.StringIO(text, newline=""), lines_read, None))
        raise _wrong_quotes(unread, separator, number + 1) from None


def _wrong_quotes(unread: str, separator: str, row: int) -> Refused:
    """Return the refusal of the first cell in `unread` whose quotation marks are wrong; the csv
    module does not say which one that is."""
    before = re.compile(
        rf'("[^"]*+(?:""[^"]*+)*+"|[^"\r\n{separator}][^\r\n{separator}]*+|){separator}'
    )
    column, at = 1, 0
    while cell := before.match(unread, at):
        _plain(cell[1], row, column)  # or else what is wrong in this one
        column, at = column + 1, cell.end()
    return Refused(Code.FILE_QUOTES, field="file", row=row, column=column)


def _plain(cell: str, row: int, column: int) -> str:
    if NOT_UTF8.search(cell):
        raise Refused(Code.FILE_NOT_UTF8, field="file", row=row, column=column)
    if "\0" in cell:
        raise Refused(Code.FILE_NUL, field="file", row=row, column=column)
    is_escaped = cell.startswith("'") and cell.lstrip("'").startswith(FORMULA_SIGNS)
    return cell[1:] if is_escaped else cell
