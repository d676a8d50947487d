"""Overview of a month: its sum, and what should be looked at before it is closed."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import func, select

from portal import db
from portal.domain import usage
from portal.domain.actors import Actor
from portal.domain.billing_months import BillingMonth, State, next_month
from portal.domain.charges import ChargeSum
from portal.domain.ledger import Posting
from portal.domain.prices import PriceTotal
from portal.domain.statements.months import count_staged
from portal.domain.usage import Comparison, DeliveryKey, Sum, UsageKey


class MonthOverview(NamedTuple):
    """What accounts are charged in the statement month; rows of its billing periods whose cloud
    nobody knows; invoices of vendors that differ from our sums; deliveries that wait; customers
    with costs that have no price; when it closes automatically, if that has begun."""

    cost: Decimal
    unassigned: Sum
    differences: list[Comparison]
    staged: int
    without_price: int
    closes_at: datetime | None
    is_closed: bool


def overview_of(month_on: date, *, actor: Actor) -> MonthOverview:
    """The overview of a month, for operators. The caller checks that the actor is one."""
    month = db.session.get(BillingMonth, month_on)
    return MonthOverview(
        cost=_cost(month_on),
        unassigned=_unassigned(month_on),
        differences=[
            each
            for each in usage.comparisons_for(actor)
            if each.month_on == month_on and each.difference
        ],
        staged=count_staged(month_on),
        without_price=_without_price(month_on),
        closes_at=month.closes_at if month else None,
        is_closed=month is not None and month.state is State.CLOSED,
    )


def _cost(month_on: date) -> Decimal:
    sums = func.sum(ChargeSum.micros), func.sum(ChargeSum.rest)
    query = select(*sums).join(Posting, Posting.id == ChargeSum.posting_id)
    is_its = ChargeSum.month_on == month_on, Posting.posted_at.is_not(None)
    micros, rest = db.session.execute(query.where(*is_its)).one()
    return usage.exact(micros or 0, rest or 0)


def _unassigned(month_on: date) -> Sum:
    sums = (func.sum(getattr(DeliveryKey, name)) for name in ("rows", "micros", "rest"))
    query = select(*sums).join(UsageKey, UsageKey.id == DeliveryKey.key_id)
    query = query.where(
        UsageKey.cloud_id.is_(None),
        DeliveryKey.scope_on >= month_on,
        DeliveryKey.scope_on < next_month(month_on),
        usage.counts(DeliveryKey),
    )
    rows, micros, rest = db.session.execute(query).one()
    return Sum(int(rows or 0), usage.exact(micros or 0, rest or 0))


def _without_price(month_on: date) -> int:
    query = (
        select(PriceTotal.account_id)
        .join(Posting, Posting.id == PriceTotal.posting_id)
        .where(PriceTotal.month_on == month_on, Posting.posted_at.is_not(None))
        .group_by(PriceTotal.account_id)
        .having(func.sum(PriceTotal.missing) > 0)
    )
    return db.session.scalar(select(func.count()).select_from(query.subquery())) or 0
