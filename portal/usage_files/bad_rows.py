"""Bad rows: which they are and why, the first of them with their values."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from portal.usage_files.columns import Layout
from portal.usage_files.faults import Fault, Reason, UsageFileError

MAX_LISTED = 1000
MAX_VALUE = 200
"""Characters of a value that are listed."""
csv.field_size_limit(2**31 - 1)


class BadRow(NamedTuple):
    """`row` counts from 1, the header; `value` is the text in `column`."""

    file: str
    row: int
    reason: str
    column: str = ""
    value: str = ""


class BadRows:
    """The number of bad rows, and the first MAX_LISTED of their reasons."""

    def __init__(self) -> None:
        self.count = 0
        self.listed: list[BadRow] = []

    def add(self, *reasons: BadRow) -> None:
        """Add a row, with each reason why it is bad."""
        self.count += 1
        room = max(0, MAX_LISTED - len(self.listed))
        self.listed += [row._replace(value=row.value[:MAX_VALUE]) for row in reasons[:room]]


def copy_well_formed(path: Path, target: Path, layout: Layout, file: str, bad: BadRows) -> int:
    """Copy the rows that have the header's columns, each after its number, to a CSV file in one
    dialect; add the others to `bad`. Returns the number of rows copied. Raises UsageFileError."""
    copied = 0
    with (
        path.open(encoding="utf-8-sig", newline="") as source,
        target.open("w", encoding="utf-8", newline="") as out,
    ):
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["n", *layout.names])
        rows = _rows(csv.reader(source, delimiter=layout.delimiter, strict=True), file)
        for number, cells in enumerate(rows):
            if number == 0:
                continue
            if isinstance(cells, str):
                bad.add(BadRow(file, number + 1, Reason.QUOTES, value=cells))
            elif len(cells) != len(layout.names):
                bad.add(BadRow(file, number + 1, Reason.COLUMNS, value=str(len(cells))))
            else:
                writer.writerow([number, *cells])
                copied += 1
    return copied


def _rows(reader: Any, file: str) -> Iterator[list[str] | str]:
    """The rows that are not empty; for one whose quotation marks are wrong the lines that it
    takes. Raises UsageFileError."""
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end" in str(error):  # the rest of the file would be one row
                raise UsageFileError(Fault.QUOTES, file=file) from None
            yield f"{line}–{reader.line_num}"
        else:
            if cells:
                yield cells
