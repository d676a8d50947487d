"""Files for spreadsheet programs: CSV in UTF-8 whose cells are text and never formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

MARK = "\ufeff"
"""Tells Excel that the file is UTF-8."""

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def lines(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The file piece by piece; a cell that a program would take for a formula gets an apostrophe
    before it (OWASP, CSV injection), and so does one that looks as if it had got one."""
    yield MARK
    for row in rows:
        out = io.StringIO()
        csv.writer(out).writerow([_harmless(str(cell)) for cell in row])
        yield out.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.lstrip("'").startswith(FORMULA_SIGNS) else cell
