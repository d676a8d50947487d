"""CSV files: no program finds a formula in them, whichever separator it splits at."""

from __future__ import annotations

import csv
import io
import re
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, IncompleteRead
from typing import Any

import pytest
import waitress
from flask import Flask
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from portal import db, web
from portal.web import csv as portal_csv

HEADER = ["name", "phone", "description"]
SIGNS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
LINE_BREAKS = "\n|\r|\v|\f|\x1c|\x1d|\x1e|\x85|\u2028|\u2029"
PIECES = [*SIGNS, *",;\t\r\n\"' \v\f\x1c\x1f\x85\xa0\u2028\u3000\ufeff", "\r\n", "1", "x", "ж"]
TEXTS = st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8"), max_size=12).map("".join)
ROWS = st.lists(st.lists(TEXTS, min_size=1, max_size=3), max_size=3)
CELLS = (
    *("=1", "+49 30 1", "-1", "@x", "\tx", "\rx", "＝1", " =1", '"=1', "\ufeff=1", "'=1", "''+1"),
    *("x;=1+1;y", "x,=1", "x\t=1", "x\n=1", "x\r\n =1", "\t=1", ';"＝1', "a,' =1", "'plain", ""),
)


def write(rows: list[list[str]]) -> str:
    return "".join(portal_csv.write_rows(rows))


def cells_in(text: str) -> Iterator[str]:
    """The cells that programs find: split at each separator, with quotation marks and without."""
    text = text.removeprefix(portal_csv.BYTE_ORDER_MARK)
    for separator in ",;\t":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            yield from row
        for line in re.split(LINE_BREAKS, text):
            yield from line.split(separator)


def is_formula(cell: str) -> bool:
    if cell.startswith(("\t", "\r")) and not cell.startswith("\r\n"):  # the end of a row
        return True
    return re.sub(r'^[\s"\ufeff]+', "", cell).startswith(SIGNS)


@hypothesis_settings(deadline=None, max_examples=100, derandomize=True)
@given(ROWS)
@example([[cell, "=", cell] for cell in CELLS])
def test_no_cell_is_a_formula_and_the_import_reads_back_what_the_export_wrote(
    rows: list[list[str]],
) -> None:
    rows = [[cell.replace("\0", "") for cell in row] for row in rows]  # the import refuses NUL
    text = write([HEADER, *rows])
    assert [cell for cell in cells_in(text) if is_formula(cell)] == []
    assert list(portal_csv.read_rows(text.encode())) == [HEADER, *rows]


def test_only_what_begins_a_formula_gets_an_apostrophe() -> None:
    plain = "Nina - Co. = plain, a@b.example;'n"
    [[*cells]] = csv.reader([write([["", "+49 30 1", "x;=1+1;y", plain]]).strip("\ufeff")])
    assert cells == ["", "'+49 30 1", "x;'=1+1;y", plain]


@pytest.mark.parametrize("fault", [web.Interrupted(), db.Unavailable(db.Reason.AWAY)])
def test_a_download_that_breaks_does_not_look_complete(app: Flask, fault: Exception) -> None:
    def rows() -> Iterator[list[str]]:
        yield HEADER
        raise fault

    def site(environ: Any, start_response: Any) -> Any:
        with app.request_context(environ):
            return web.csv_file("customers", rows())(environ, start_response)

    with closing(waitress.create_server(site, host="127.0.0.1", port=0)) as server:
        threading.Thread(target=server.run, daemon=True).start()
        client = HTTPConnection("127.0.0.1", server.effective_port, timeout=20)
        client.request("GET", "/")
        answer = client.getresponse()
        with pytest.raises(IncompleteRead):
            answer.read()
        client.close()
