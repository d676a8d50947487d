"""A file's rows as an import reads them: the header's columns, and each row's cells by column."""

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
"""More than a partner has customers, and as many as a person looks through."""
REASONS = "reasons"
"""The column that a file of failed rows has beside, for people."""
REQUIRED = ("name", "invitation_email", "country")


@dataclass
class Line:
    """A row; `number` as spreadsheet programs count, the header being row 1."""

    number: int
    cells: dict[str, str]
    is_twin: bool = False
    reasons: list[dict[str, Any]] = field(default_factory=list)


def parse_lines(
    rows: Iterable[list[str]], words: Mapping[str, str], answers: Mapping[str, str]
) -> list[Line]:
    """The file's rows but empty ones. `words`: what people call the columns, in small letters;
    `answers`: how they say yes and no.

    Raises Refused: "file-empty", "file-no-rows", "file-rows", "file-row-long", and what is wrong
    with the header: "column-unknown", "column-twice", "column-missing".
    """
    numbered = enumerate(rows, start=1)
    header: list[str] = []
    for _number, cells in numbered:
        if header := _header(cells, words):
            break
    lines = []
    for number, cells in numbered:
        kept = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        kept = {name: cell for name, cell in kept.items() if cell and name != REASONS}
        if any(cell.strip() for cell in cells[len(header) :]):
            facts = {"row": number, "cells": len(cells), "columns": len(header)}
            raise Refused(Code.FILE_ROW_LONG, field="file", **facts)
        if typed := kept.get("with_cloud"):
            kept["with_cloud"] = answers.get(typed.casefold(), typed)
        if kept:
            lines.append(Line(number, kept))
        if len(lines) > MAX_ROWS:
            raise Refused(Code.FILE_ROWS, field="file", most=MAX_ROWS)
    if not lines:
        raise Refused(Code.FILE_NO_ROWS if header else Code.FILE_EMPTY, field="file")
    _mark_repeated(lines)
    return lines


def _header(cells: list[str], words: Mapping[str, str]) -> list[str]:
    found: list[str] = []
    named = [cell.strip() for cell in cells]
    while named and not named[-1]:  # what a program adds behind the last column
        named.pop()
    for column, cell in enumerate(named, start=1):
        name = words.get(cell.casefold(), cell.casefold())
        if name not in (*COLUMNS, *ONLY_EXPORTED, REASONS):
            raise Refused(Code.COLUMN_UNKNOWN, field="file", column=column, name=cell[:50])
        if name in found:
            facts = {"column": column, "first": found.index(name) + 1, "name": name}
            raise Refused(Code.COLUMN_TWICE, field="file", **facts)
        found.append(name)
    missing = [name for name in REQUIRED if name not in found]
    if named and missing:
        raise Refused(Code.COLUMN_MISSING, field="file", names=missing)
    return found


def _mark_repeated(lines: list[Line]) -> None:
    """Who stands in the file twice is refused from the second time on; a tax number is marked."""
    first: dict[tuple[str, str], int] = {}
    for line in lines:
        for name in ("invitation_email", "reference", "tin"):
            key = _key(name, line.cells)
            row = first.setdefault((name, key), line.number)
            if key and row != line.number:
                _mark(line, name, row)


def _mark(line: Line, name: str, row: int) -> None:
    if name == "tin":
        line.is_twin = True
    elif name == "reference":
        line.reasons.append(to_reason(Refused(Code.REFERENCE_TWICE, field=name, row=row)))
    else:
        line.reasons.append(to_reason(Refused(Code.EMAIL_TWICE, field=name, row=row)))


def _key(name: str, cells: dict[str, str]) -> str:
    with suppress(Invalid):
        shaped = customers.normalise_field(
            name, cells.get(name, ""), cells.get("country", "").upper()
        )
        return values.email(shaped).key if name == "invitation_email" else shaped
    return ""
