"""Spreadsheets: tables as .xlsx files. Amounts are numbers of 15 digits; CSV files have all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import xlsxwriter
from flask import Response, send_file

from portal import db

MAX_ROWS = 1_048_576
"""Of a sheet; what is more is left out. A CSV file has all."""
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
    content.seek(0)
    file_name = f"{name}-{db.now():%Y-%m-%d}.xlsx"
    return send_file(content, XLSX, as_attachment=True, download_name=file_name)
