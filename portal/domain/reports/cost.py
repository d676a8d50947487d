"""Cost: what an account pays for by month, with forecast, and by customer, cloud or service."""

from __future__ import annotations

import calendar
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, or_, select, text, tuple_

from portal import db
from portal.domain import billing_days, clouds
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud, Link
from portal.domain.customers import Customer
from portal.domain.totals import (
    IS_COST,
    IS_STOPPED,
    By,
    UsageSum,
    corrections,
    first_day,
    last_day,
    running_cost,
)
from portal.domain.usage import exact

MONTHS = 12
SERIES = 7
PAGE = 50
LISTED = 5
CANDIDATES = 100
"""The largest sums and changes among which those that grew most are looked for."""


class Overview(NamedTuple):
    """The cost of a month, and of the month before. `days` of its `month_days` have usage, all once
    the month is over; `left` follow them. `running` of the cost goes on day by day; `corrected`
    of it is for months that were closed before."""

    amount: Decimal
    before: Decimal
    days: int
    month_days: int
    is_over: bool
    left: int = 0
    running: Decimal = Decimal(0)
    corrected: Decimal = Decimal(0)

    @property
    def scale(self) -> Decimal | None:
        """What costs are multiplied by to compare them with a whole month; None without a day."""
        if self.forecast is None or not self.amount:
            return Decimal(self.month_days) / self.days if self.days else None
        return self.forecast / self.amount

    @property
    def forecast(self) -> Decimal | None:
        """The cost of the whole month; None once it is over, or before it has a day."""
        if self.is_over or not self.days:
            return None
        return self.amount + self.running * self.left / self.days


class Row(NamedTuple):
    """What one key costs in a month, and in the month before. `micros` is where a page ends."""

    key: str
    amount: Decimal
    before: Decimal
    micros: int


class Series(NamedTuple):
    """The cost of one key, or of all others (`key` is None), in each month."""

    key: str | None
    amounts: list[Decimal]


def shift(month: date, by: int) -> date:
    """The first day of the month so many months later."""
    number = month.year * 12 + month.month - 1 + by
    return date(number // 12, number % 12 + 1, 1)


def _is_sum(account_id: str, by: By, *which: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(UsageSum.account_id == account_id, UsageSum.grouped_by == by, *which)


def first_month(account_id: str) -> date | None:
    """The first month with usage."""
    query = select(UsageSum.month_on).where(_is_sum(account_id, By.TOTAL))
    return db.session.scalar(query.order_by(UsageSum.month_on).limit(1))


def amounts_of(
    account_id: str, by: By, months: Sequence[date], keys: Collection[str]
) -> dict[tuple[str, date], Decimal]:
    """Amounts by key and month; not for quantities. The caller checks visibility."""
    # Without a condition on the unit: with it PostgreSQL may take an index of the whole month.
    which = UsageSum.month_on.in_(months), UsageSum.key.in_(keys)
    columns = UsageSum.key, UsageSum.month_on, UsageSum.micros, UsageSum.rest
    rows = db.session.execute(select(*columns).where(_is_sum(account_id, by, *which)))
    return {(key, month): exact(micros, rest) for key, month, micros, rest in rows}


def overview(account: BillingAccount, month: date) -> Overview:
    """The cost of a month, with the days so far from which a forecast is worked out: from the first
    one with usage, up to the last one of the account that pays, yesterday at most."""
    found = amounts_of(account.id, By.TOTAL, [month, shift(month, -1)], [""])
    amount, before = (found.get(("", it), Decimal(0)) for it in (month, shift(month, -1)))
    month_days = calendar.monthrange(month.year, month.month)[1]
    columns = first_day(month), last_day(month), running_cost(month), corrections(month)
    row = db.session.execute(select(*columns).where(BillingAccount.id == account.id)).one()
    first, last = int(row[0]), int(row[1] or 0)
    days = max(last - first + 1, 0) if last else 0
    running, corrected = (Decimal(int(micros)).scaleb(-6) for micros in row[2:])
    is_over = billing_days.today() > month.replace(day=month_days)
    if is_over:
        days, last = month_days, month_days
    sums = amount, before
    return Overview(*sums, days, month_days, is_over, month_days - last, running, corrected)


COLUMNS = (UsageSum.key, UsageSum.micros, UsageSum.rest, UsageSum.change)


def _of_month(account_id: str, by: By, month: date) -> Any:
    """The query of a month's sums, with the condition of their indexes."""
    which = _is_sum(account_id, by, UsageSum.month_on == month)
    return select(*COLUMNS).where(which, text(IS_COST))


def _rows(query: Any) -> list[Row]:
    """Rows whose month before is rounded to 10⁻⁶."""
    return [
        Row(key, exact(micros, rest), exact(micros - change, 0), micros)
        for key, micros, rest, change in db.session.execute(query)
    ]


def rows_of(
    account_id: str, by: By, month: date, *, after: tuple[int, str] | None = None, size: int = PAGE
) -> list[Row]:
    """A page of what the month cost, the largest first, and one more if there is a next page;
    `after` are micros and key of the previous page's last."""
    is_shown = or_(UsageSum.micros != 0, UsageSum.rest != 0, UsageSum.change != 0)
    query = _of_month(account_id, by, month).where(is_shown)
    if after is not None:
        micros, key = after
        query = query.where(tuple_(UsageSum.micros, UsageSum.key) < tuple_(micros, key))
    rows = _rows(query.order_by(UsageSum.micros.desc(), UsageSum.key.desc()).limit(size + 1))
    keys = [row.key for row in rows]
    before = amounts_of(account_id, by, [shift(month, -1)], keys) if keys else {}
    return [
        row._replace(before=before.get((row.key, shift(month, -1)), Decimal(0))) for row in rows
    ]


def months_until(last: date) -> list[date]:
    """The first days of the MONTHS up to `last`."""
    return [shift(last, number - MONTHS + 1) for number in range(MONTHS)]


def trends_of(
    account_id: str, by: By, last: date, keys: Collection[str]
) -> dict[str, list[Decimal]]:
    """The cost of these keys in each of the MONTHS up to `last`."""
    months = months_until(last)
    amounts = amounts_of(account_id, by, months, keys) if keys else {}
    return {key: [amounts.get((key, month), Decimal(0)) for month in months] for key in keys}


def series_of(account_id: str, by: By, last: date) -> list[Series]:
    """The cost in each of the MONTHS up to `last` of the keys that cost most in it, and of all
    others."""
    months = months_until(last)
    keys = [
        row.key for row in rows_of(account_id, by, last, size=SERIES)[:SERIES] if row.micros > 0
    ]
    trends = trends_of(account_id, by, last, keys)
    totals = amounts_of(account_id, By.TOTAL, months, [""])
    found = [Series(key, trends[key]) for key in keys]
    others = [
        totals.get(("", month), Decimal(0)) - sum(one.amounts[number] for one in found)
        for number, month in enumerate(months)
    ]
    return [*found, Series(None, others)] if any(others) else found


def grown(account_id: str, by: By, month: date, scale: Decimal) -> list[tuple[str, Decimal]]:
    """The keys that grew most against the month before, with by how much; the month's cost counts
    `scale` times, as in a forecast."""
    query = _of_month(account_id, by, month)
    found: dict[str, Row] = {}
    for column in (UsageSum.change, UsageSum.micros):
        largest = query.order_by(column.desc()).limit(CANDIDATES)
        found |= {row.key: row for row in _rows(largest)}
    changes = [(row.key, row.amount * scale - row.before) for row in found.values()]
    grown = [it for it in changes if it[1] > 0]
    return sorted(grown, key=lambda it: (-it[1], it[0]))[:LISTED]


def stopped(account_id: str, by: By, month: date) -> list[tuple[str, Decimal]]:
    """The keys that cost something in the month before and nothing in this one, with what they
    cost; the largest first."""
    query = _of_month(account_id, by, month).where(text(IS_STOPPED))
    rows = _rows(query.order_by(UsageSum.change).limit(LISTED))
    return [(row.key, row.before) for row in rows]


def names_of(actor: Actor, account_id: str, by: By, keys: Iterable[str]) -> dict[str, str]:
    """The names of services, of customers, and of the clouds that the actor sees: those with the
    account that pays, if it is another one than that of the report."""
    keys = set(keys)
    if by is By.CLOUD:
        return _cloud_names(actor, account_id, keys)
    if by is By.CUSTOMER:
        accounts = select(BillingAccount.id, BillingAccount.name).where(BillingAccount.id.in_(keys))
        customers = select(Customer.subaccount_id, Customer.name)
        customers = customers.where(Customer.subaccount_id.in_(keys))
        return {row[0]: row[1] for query in (accounts, customers) for row in _all(query)}
    return {key: key for key in keys}


def _cloud_names(actor: Actor, account_id: str, cloud_ids: set[str]) -> dict[str, str]:
    query = (
        select(Cloud.id, Cloud.name, *clouds.payer_columns_for(actor))
        .join(Link, and_(Link.cloud_id == Cloud.id, Link.until_at.is_(None)))
        .join(BillingAccount, BillingAccount.id == Link.account_id)
        .where(Cloud.id.in_(cloud_ids), Cloud.visible_to(actor))
    )
    return {
        cloud_id: name if payer_id in (None, account_id) else f"{name} ({payer_name})"
        for cloud_id, name, payer_id, payer_name in _all(query)
    }


def _all(query: Any) -> Any:
    return db.session.execute(query).all()


def customers_of(subaccount_ids: Iterable[str]) -> dict[str, str]:
    """The IDs of customers by those of their subaccounts."""
    query = select(Customer.subaccount_id, Customer.id)
    query = query.where(Customer.subaccount_id.in_(set(subaccount_ids)))
    return {row[0]: row[1] for row in db.session.execute(query)}
