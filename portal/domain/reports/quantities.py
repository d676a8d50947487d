"""Quantities: what an account used in a month, by service and unit, without amounts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import and_, or_, select

from portal import db
from portal.domain.reports.cost import shift
from portal.domain.totals import By, UsageSum, quantity_of

MAX_LISTED = 500
"""On a page."""


class Quantity(NamedTuple):
    """How much of a service was used in a month, and in the month before."""

    service: str
    unit: str
    quantity: Decimal
    before: Decimal


class PricedQuantity(NamedTuple):
    """A quantity with the prices of its service in the month before and in the month, None where
    one is missing; `prices` is None if no price is shown, or another row of the service has it."""

    of: Quantity
    prices: tuple[Decimal | None, Decimal | None] | None


def with_prices(
    rows: list[Quantity], prices: Mapping[tuple[str, date], Decimal | None], month: date
) -> list[PricedQuantity]:
    """The quantities with the prices by service and month; the first of each service has them, and
    a service without a quantity has a row, too."""
    left = {service for service, _month in prices}
    nothing = Decimal(0)
    unmeasured = left - {row.service for row in rows}
    rows = sorted([*rows, *(Quantity(it, "", nothing, nothing) for it in unmeasured)])
    found = []
    for row in rows:
        both = [prices.get((row.service, it), nothing) for it in (shift(month, -1), month)]
        found.append(PricedQuantity(row, (both[0], both[1]) if row.service in left else None))
        left.discard(row.service)
    return found


def quantities_of(account_id: str, month: date, *, limit: int | None = None) -> list[Quantity]:
    """What the account used in the month or the one before, by service and unit; those of the first
    `limit`. Of an account that pays, its subaccounts' usage, too. The caller checks visibility."""
    previous = shift(month, -1)
    key = UsageSum.key, UsageSum.unit
    which = (
        UsageSum.account_id == account_id,
        UsageSum.grouped_by == By.QUANTITY,
        UsageSum.month_on.in_([month, previous]),
        or_(UsageSum.quantity != 0, UsageSum.nanos != 0),
    )
    first = select(*key).where(*which).distinct().order_by(*key).limit(limit).subquery()
    query = select(*key, UsageSum.month_on, UsageSum.quantity, UsageSum.nanos).where(*which)
    query = query.join(first, and_(first.c.key == UsageSum.key, first.c.unit == UsageSum.unit))
    found: dict[tuple[str, str], dict[date, Decimal]] = {}
    for service, unit, month_on, quantity, nanos in db.session.execute(query.order_by(*key)):
        found.setdefault((service, unit), {})[month_on] = quantity_of(quantity, nanos)
    nothing = Decimal(0)
    return [
        Quantity(*pair, by_month.get(month, nothing), by_month.get(previous, nothing))
        for pair, by_month in found.items()
    ]
