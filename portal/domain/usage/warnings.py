"""Warnings: what an operator should know of a delivery before publishing it."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from sqlalchemy import func, select

from portal import db
from portal.domain import billing_days
from portal.domain.billing_months import month_of, oldest_open
from portal.domain.errors import Refused
from portal.domain.ledger import Posting, PostingKind
from portal.domain.usage.publishing import refuse_repetition
from portal.domain.usage.record import Delivery, DeliveryScope, State, UsageGroup


class Warnings(NamedTuple):
    """Billing periods that begin later than today, and those of months that are closed, or were
    when it was published: their differences go to the month `open_on`. The number of rows that name
    no service. Why these files need not be published, if they are in force."""

    future: list[date]
    closed: list[date]
    open_on: date
    unnamed: int
    repetition: Refused | None


def warnings_of(delivery: Delivery) -> Warnings:
    """What is odd about a staged or published delivery. The caller checks visibility."""
    own = DeliveryScope.delivery_id == delivery.id
    query = select(DeliveryScope.scope_on).where(own).order_by(DeliveryScope.scope_on)
    scopes, open_on = list(db.session.scalars(query)), _open_on(delivery)
    unnamed = select(func.sum(UsageGroup.rows)).where(
        UsageGroup.delivery_id == delivery.id, UsageGroup.service == ""
    )
    return Warnings(
        future=[day for day in scopes if day > billing_days.today()],
        closed=[day for day in scopes if month_of(day) < open_on],
        open_on=open_on,
        unnamed=int(db.session.scalar(unnamed) or 0),
        repetition=_repetition(delivery) if delivery.state is State.STAGED else None,
    )


def _open_on(delivery: Delivery) -> date:
    """The first day that is in no closed month, or was in none when the delivery was published."""
    query = select(Posting.open_on).where(
        Posting.subject == delivery.id,
        Posting.kind == PostingKind.DELIVERY,
        Posting.posted_at.is_not(None),
    )
    posted = db.session.scalar(query.order_by(Posting.id.desc()).limit(1))
    return oldest_open() if posted is None else posted


def _repetition(delivery: Delivery) -> Refused | None:
    if delivery.source.connection_id is not None:
        return None
    try:
        refuse_repetition(delivery.source, delivery.mode, delivery.sha256, again=False)
    except Refused as refusal:
        return refusal
    return None
