"""Spreadsheets: tables as .xlsx files. Amounts are numbers of 15 digits; CSV files have all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import xlsxwriter
from flask import Response

from portal import db

MAX_ROWS = 1_048_576
"""Of a sheet; what is more is left out. A CSV file has all."""
CHUNK = 64 * 1024
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def xlsx_file(name: str, rows: Iterable[Iterable[object]]) -> Response:
    """Return a spreadsheet as a download; text is never a formula."""
    content: Any = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with the response
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    book = xlsxwriter.Workbook(content, options)
    sheet = book.add_worksheet()
    for number, row in zip(range(MAX_ROWS), rows, strict=False):
        for column, cell in enumerate(row):
            if isinstance(cell, Decimal):
                sheet.write_number(number, column, cell)
            else:
                sheet.write_string(number, column, str(cell))
    book.close()
    length = content.tell()
    content.seek(0)
    file_name = f"{name}-{db.now():%Y-%m-%d}.xlsx"
    disposition = f'attachment; filename="{file_name}"'
    headers = {"Content-Disposition": disposition, "Content-Length": str(length)}
    response = Response(_chunks(content), mimetype=XLSX, headers=headers)
    response.call_on_close(content.close)
    return response


def _chunks(content: Any) -> Iterator[bytes]:
    """The file, closed after its end."""
    with content:
        while chunk := content.read(CHUNK):
            yield chunk
