"""CSV files in UTF-8 for spreadsheet programs; cells are text, never formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice

from portal.domain.errors import Code, Refused

BYTE_ORDER_MARK = "\ufeff"
"""Tells Excel that the file is UTF-8."""

DELIMITERS = ",;\t"
"""Which one a spreadsheet program reads and writes depends on its country settings."""

_BREAKS = r"\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029"
_CELL_START = rf"(?:\A|(?<=[,;{_BREAKS}]))"
"""Where a program finds the start of a cell, whichever delimiter it splits at."""
_FORMULA = rf"(?=(?:[^\S{_BREAKS}]|[\"'\ufeff])*[=+\-@＝＋－＠\t\r])"
"""A formula, after blanks and quotation marks that programs drop."""
FORMULA_START = re.compile(_CELL_START + _FORMULA)
ESCAPED_START = re.compile(_CELL_START + "'" + _FORMULA)

ZIP_SIGNATURE = b"PK\x03\x04"
"""The first bytes of an .xlsx or .ods file."""

csv.field_size_limit(2**31 - 1)  # the upload limits the size of the whole file

UNDECODABLE = re.compile("[\udc80-\udcff]")
"""What `surrogateescape` puts in place of bytes that are not UTF-8."""


class Interrupted(Exception):
    """The rest of a file can't be had. Raised while it is sent, it makes the web server close the
    connection before the end, so that the download fails and does not look complete."""


def write_rows(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Yield the file as text, row by row, after a byte order mark.

    Text that a spreadsheet program would run as a formula gets an apostrophe before it (OWASP, *CSV
    Injection*), also where another delimiter or a line break begins a cell. So does text that looks
    escaped already, so that `read_rows` restores it. A Decimal is written as a plain number.
    """
    yield BYTE_ORDER_MARK
    for row in rows:
        buffer = io.StringIO()
        csv.writer(buffer).writerow(map(_text_of, row))
        yield buffer.getvalue()


def _text_of(cell: object) -> str:
    is_number = isinstance(cell, Decimal) and cell.is_finite()
    return format(cell, "f") if is_number else FORMULA_START.sub("'", str(cell))


def read_rows(content: bytes) -> Iterator[list[str]]:
    """Yield the cells of a CSV file in UTF-8, row by row, without the apostrophes that `write_rows`
    puts before formulas.

    Raises Refused, with row and column counted from 1: "file-not-csv", "file-not-utf8",
    "file-nul", "file-quotes".
    """
    if content.startswith(ZIP_SIGNATURE):
        raise Refused(Code.FILE_NOT_CSV, field="file")
    text = content.decode("utf-8-sig", "surrogateescape")
    header = re.split("[\r\n]", text.lstrip(), maxsplit=1)[0]
    delimiter = max(DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = lines_read = 0
    try:
        for number, cells in enumerate(reader, start=1):
            yield [_read_cell(cell, number, column) for column, cell in enumerate(cells or [""], 1)]
            lines_read = reader.line_num
    except csv.Error:
        unread = "".join(islice(io.StringIO(text, newline=""), lines_read, None))
        raise _quotes_refusal(unread, delimiter, number + 1) from None


def _quotes_refusal(unread: str, delimiter: str, row: int) -> Refused:
    """Return the refusal of the first cell in `unread` whose quotation marks are wrong; csv.Error
    does not say which cell that is. Raises Refused for another fault in a cell before it."""
    next_cell = re.compile(
        rf'("[^"]*+(?:""[^"]*+)*+"|[^"\r\n{delimiter}][^\r\n{delimiter}]*+|){delimiter}'
    )
    column, position = 1, 0
    while cell := next_cell.match(unread, position):
        _read_cell(cell[1], row, column)
        column, position = column + 1, cell.end()
    return Refused(Code.FILE_QUOTES, field="file", row=row, column=column)


def _read_cell(cell: str, row: int, column: int) -> str:
    """Return the cell without its escapes. Raises Refused for bytes that are not UTF-8, and NUL."""
    if UNDECODABLE.search(cell):
        raise Refused(Code.FILE_NOT_UTF8, field="file", row=row, column=column)
    if "\0" in cell:
        raise Refused(Code.FILE_NUL, field="file", row=row, column=column)
    return ESCAPED_START.sub("", cell)
