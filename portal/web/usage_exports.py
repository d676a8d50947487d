"""Exports of usage: tables as CSV or spreadsheet, cost as FOCUS 1.4.

Each page of a file has its own transaction: a slow client holds none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Any

from flask import abort
from flask_babel import gettext as _
from flask_babel import pgettext

from portal import db
from portal.domain import policy, reports
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.reports import PricedQuantity, Quantity, Row
from portal.domain.totals import By
from portal.web.csv import Interrupted
from portal.web.gates import actor
from portal.web.pages import csv_file
from portal.web.pagination import paginate
from portal.web.spreadsheet import xlsx_file
from portal.wording.usage import exact_text

Table = Iterator[list[Any]]
SIZE = 1_000
"""Rows of a transaction."""


def _file(name: str, kind: str, header: list[Any], rows: Table) -> Any:
    """A table as a download. Amounts keep all their decimals in CSV. Aborts with 404 for another
    kind of file."""
    makers = {"csv": csv_file, "xlsx": xlsx_file}
    if kind not in makers:
        abort(404)
    return makers[kind](name, chain([[str(cell) for cell in header]], rows))


def quantities_file(
    found: list[Quantity],
    prices: Mapping[tuple[str, date], Decimal | None],
    month: date,
    kind: str,
) -> Any:
    """The quantities of an account's month as a download, with prices if there are any."""
    header: list[Any] = [_("Service"), _("Unit"), *_months(month)]
    if prices:
        title = _("Price")
        header += [f"{title} {it} ({policy.current().currency})" for it in _months(month)]
    listed = reports.with_prices(found, prices, month)
    rows = (_quantity_row(row, has_prices=bool(prices)) for row in listed)
    return _file(f"usage-{month:%Y-%m}", kind, header, rows)


def _quantity_row(row: PricedQuantity, *, has_prices: bool) -> list[Any]:
    """A missing price is empty."""
    of, prices = row.of, (row.prices or (None, None)) if has_prices else ()
    cells = [of.service, of.unit, _number(of.before), _number(of.quantity)]
    return [*cells, *("" if price is None else _number(price) for price in prices)]


def _months(month: date) -> list[str]:
    return [f"{it:%Y-%m}" for it in (reports.shift(month, -1), month)]


def _number(value: Decimal) -> Decimal:
    """The number without zeros at its end that say nothing."""
    return Decimal(exact_text(value))


def cost_file(account_id: str, by: By, grouping: Any, month: date, kind: str) -> Any:
    """The cost of an account's month by `by`, named `grouping`, as a download."""
    currency = policy.current().currency
    header = [grouping, pgettext("column", "ID"), *(f"{it} ({currency})" for it in _months(month))]
    return _file(f"usage-{month:%Y-%m}", kind, header, _costs(account_id, by, month))


def _costs(account_id: str, by: By, month: date) -> Table:
    who, after = actor(), None
    while True:
        rows, names = db.read(lambda: _cost_page(who, account_id, by, month, after))  # noqa: B023
        shown, after = paginate(rows, SIZE, cursor=lambda it: (it.micros, it.key))
        for row in shown:
            ident = "" if by is By.SERVICE else row.key
            yield [names.get(row.key) or row.key, ident, _number(row.before), _number(row.amount)]
        if after is None:
            return


def _cost_page(
    who: Actor, account_id: str, by: By, month: date, after: tuple[int, str] | None
) -> tuple[list[Row], dict[str, str]]:
    _find(who, account_id)
    rows = reports.rows_of(account_id, by, month, after=after, size=SIZE)
    return rows, reports.names_of(who, account_id, by, {row.key for row in rows})


def _find(who: Actor, account_id: str) -> BillingAccount:
    """The account, again on each page. Raises Interrupted once the user may not see its cost."""
    account = db.find(BillingAccount, account_id, who)
    if account is None or not reports.figures_for(who, account).cost:
        raise Interrupted
    return account


def focus_file(account: BillingAccount, month: date) -> Any:
    """The cost of a month as FOCUS rows."""
    return csv_file(f"focus-{month:%Y-%m}", _focus_table(account.id, month))


def _focus_table(account_id: str, month: date) -> Table:
    yield list(reports.FOCUS_COLUMNS)
    who, after = actor(), None
    while rows := db.read(lambda: _focus_page(who, account_id, month, after)):  # noqa: B023
        found, after = rows
        yield from found


def _focus_page(
    who: Actor, account_id: str, month: date, after: tuple[str, ...] | None
) -> tuple[list[list[Any]], tuple[str, ...]] | None:
    """A page of rows, and where the next begins; None after the last."""
    account = _find(who, account_id)
    lines = reports.lines_of(account, month, after=after)
    if not lines:
        return None
    names = reports.names_of(who, account_id, By.CLOUD, {line.cloud_id for line in lines})
    return list(reports.focus_rows(account, lines, names, month)), lines[-1].key
