"""Parse the rows of a CSV file of customers: the header, and each row's cells by column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from portal.domain import customers, values
from portal.domain.customers import COLUMNS, ONLY_EXPORTED
from portal.domain.errors import Code, Refused
from portal.domain.imports.record import to_reason
from portal.domain.values import Invalid

MAX_ROWS = 5000
"""More than a partner has customers, and as many as a person can review."""
REASONS = "reasons"
"""The additional column of a file of failed rows, read by people and ignored by the parser."""
REQUIRED = ("name", "invitation_email", "country")


@dataclass
class Line:
    """A row of the file; `number` counts from 1, header included, as spreadsheet programs do.

    `is_twin`: another row has the same tax number. `reasons` are refusals as of `to_reason`.
    """

    number: int
    cells: dict[str, str]
    is_twin: bool = False
    reasons: list[dict[str, Any]] = field(default_factory=list)


def parse_lines(
    rows: Iterable[list[str]], columns: Mapping[str, str], answers: Mapping[str, str]
) -> list[Line]:
    """Return the file's rows without empty ones, blank cells left out.

    `columns` maps translated column names to those of COLUMNS, `answers` translated words to "yes"
    and "no", both from lower case. Raises Refused: "file-empty", "file-no-rows", "file-rows",
    "file-row-long"; for the header "column-unknown", "column-twice", "column-missing".
    """
    numbered = enumerate(rows, start=1)
    header: list[str] = []
    for _number, cells in numbered:
        if header := _parse_header(cells, columns):
            break
    lines = []
    for number, cells in numbered:
        by_column = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        by_column = {name: cell for name, cell in by_column.items() if cell and name != REASONS}
        if any(cell.strip() for cell in cells[len(header) :]):
            facts = {"row": number, "cells": len(cells), "columns": len(header)}
            raise Refused(Code.FILE_ROW_LONG, field="file", **facts)
        if word := by_column.get("with_cloud"):
            by_column["with_cloud"] = answers.get(word.casefold(), word)
        if by_column:
            lines.append(Line(number, by_column))
        if len(lines) > MAX_ROWS:
            raise Refused(Code.FILE_ROWS, field="file", most=MAX_ROWS)
    if not lines:
        raise Refused(Code.FILE_NO_ROWS if header else Code.FILE_EMPTY, field="file")
    _mark_repeated(lines)
    return lines


def _parse_header(cells: list[str], columns: Mapping[str, str]) -> list[str]:
    """Return the column names of the header, empty for an empty row. Raises Refused."""
    header: list[str] = []
    titles = [cell.strip() for cell in cells]
    while titles and not titles[-1]:  # spreadsheet programs add empty cells at the end
        titles.pop()
    for column, title in enumerate(titles, start=1):
        name = columns.get(title.casefold(), title.casefold())
        if name not in (*COLUMNS, *ONLY_EXPORTED, REASONS):
            raise Refused(Code.COLUMN_UNKNOWN, field="file", column=column, name=title[:50])
        if name in header:
            facts = {"column": column, "first": header.index(name) + 1, "name": name}
            raise Refused(Code.COLUMN_TWICE, field="file", **facts)
        header.append(name)
    missing = [name for name in REQUIRED if name not in header]
    if titles and missing:
        raise Refused(Code.COLUMN_MISSING, field="file", names=missing)
    return header


def _mark_repeated(lines: list[Line]) -> None:
    """Refuse rows that repeat an address or a reference of an earlier row; mark those that repeat a
    tax number."""
    first_rows: dict[tuple[str, str], int] = {}
    for line in lines:
        for column in ("invitation_email", "reference", "tin"):
            key = _comparison_key(column, line.cells)
            first_row = first_rows.setdefault((column, key), line.number)
            if key and first_row != line.number:
                _mark(line, column, first_row)


def _mark(line: Line, column: str, first_row: int) -> None:
    if column == "tin":
        line.is_twin = True
    elif column == "reference":
        line.reasons.append(to_reason(Refused(Code.REFERENCE_TWICE, field=column, row=first_row)))
    else:
        line.reasons.append(to_reason(Refused(Code.EMAIL_TWICE, field=column, row=first_row)))


def _comparison_key(column: str, cells: dict[str, str]) -> str:
    """Return the cell in the form in which two rows are compared; empty if blank or invalid."""
    with suppress(Invalid):
        value = customers.normalise_field(
            column, cells.get(column, ""), cells.get("country", "").upper()
        )
        return values.email(value).key if column == "invitation_email" else value
    return ""
