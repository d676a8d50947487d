"""Exports of usage: tables as CSV or spreadsheet, cost as FOCUS 1.4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import Any

from flask import abort
from flask_babel import gettext as _
from flask_babel import pgettext

from portal import db
from portal.domain import reports
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.totals import By
from portal.web.csv import Interrupted
from portal.web.gates import actor
from portal.web.pages import csv_file
from portal.web.spreadsheet import xlsx_file
from portal.wording.usage import exact_text

KINDS = ("csv", "xlsx")


def file(name: str, kind: str, header: list[str], rows: Iterable[list[object]]) -> Any:
    """A table as a download. Amounts keep all their decimals in CSV. Aborts with 404 for another
    kind of file."""
    if kind not in KINDS:
        abort(404)
    table: Iterator[list[Any]] = chain([header], rows)
    return xlsx_file(name, table) if kind == "xlsx" else csv_file(name, map(_as_text, table))


def _as_text(row: list[Any]) -> list[Any]:
    return [exact_text(cell) if isinstance(cell, Decimal) else cell for cell in row]


def quantities_file(name: str, account_id: str, month: date, kind: str) -> Any:
    """The quantities of an account's month as a download."""
    header = [_("Service"), _("Unit"), _("Month before"), pgettext("usage", "Month")]
    found = reports.quantities_of(account_id, month)
    rows: list[list[object]] = [[it.service, it.unit, it.before, it.quantity] for it in found]
    return file(name, kind, header, rows)


def focus_table(payer: BillingAccount, month: date) -> Iterator[list[str]]:
    """The cost of a month as FOCUS rows, with a header. Each page has its own transaction."""
    yield list(reports.FOCUS_COLUMNS)
    who, account_id, after = actor(), payer.id, None
    while rows := db.read(partial(_focus_page, who, account_id, month, after)):
        found, after = rows
        yield from found


def _focus_page(
    who: Actor, account_id: str, month: date, after: tuple[str, ...] | None
) -> tuple[list[list[str]], tuple[str, ...]] | None:
    """A page of rows, and where the next begins; None after the last. Raises Interrupted once the
    actor may not see them any more."""
    payer = db.find(BillingAccount, account_id, who)
    if payer is None or not reports.may_see_cost(who, payer):
        raise Interrupted
    lines = reports.lines_of(account_id, month, after=after)
    if not lines:
        return None
    names = reports.names_of(who, By.CLOUD, {line.cloud_id for line in lines})
    return list(reports.focus_rows(payer, lines, names, month)), lines[-1].key
