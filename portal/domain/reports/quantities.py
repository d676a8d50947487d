"""Quantities: what an account used in a month, by service and unit, without amounts."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import select

from portal import db
from portal.domain.reports.cost import shift
from portal.domain.totals import By, UsageSum, quantity_of

MAX_LISTED = 500


class Quantity(NamedTuple):
    """How much of a service was used in a month, and in the month before."""

    service: str
    unit: str
    quantity: Decimal
    before: Decimal


def first_used_month(account_id: str) -> date | None:
    """The first month with a quantity."""
    is_its = UsageSum.account_id == account_id, UsageSum.grouped_by == By.QUANTITY
    query = select(UsageSum.month_on).where(*is_its).order_by(UsageSum.month_on)
    return db.session.scalar(query.limit(1))


def quantities_of(account_id: str, month: date) -> list[Quantity]:
    """What the account used in the month or the one before, by service and unit. Of an account
    that pays, its subaccounts' usage, too. The caller checks visibility."""
    previous = shift(month, -1)
    query = (
        select(
            *(UsageSum.key, UsageSum.unit, UsageSum.month_on, UsageSum.quantity, UsageSum.nanos),
        )
        .where(
            UsageSum.account_id == account_id,
            UsageSum.grouped_by == By.QUANTITY,
            UsageSum.month_on.in_([month, previous]),
        )
        .order_by(UsageSum.key, UsageSum.unit)
        .limit(2 * MAX_LISTED)
    )
    found: dict[tuple[str, str], dict[date, Decimal]] = {}
    for service, unit, month_on, quantity, nanos in db.session.execute(query):
        found.setdefault((service, unit), {})[month_on] = quantity_of(quantity, nanos)
    nothing = Decimal(0)
    rows = [
        Quantity(*key, by_month.get(month, nothing), by_month.get(previous, nothing))
        for key, by_month in found.items()
    ]
    return [row for row in rows if row.quantity or row.before]
