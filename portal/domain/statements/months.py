"""Months: operators begin to close one, close it at once, or stop its closing."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy import and_, exists, func, or_, select

from portal import db
from portal.domain import access, audit, billing_days, identity, installation, policy
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.billing_months import (
    BillingMonth,
    State,
    is_open,
    next_month,
    oldest_open,
)
from portal.domain.charges import ChargeSum
from portal.domain.errors import Code, Refused
from portal.domain.ledger import Posting
from portal.domain.prices import PriceList
from portal.domain.statements.record import Statement
from portal.domain.usage import Delivery, DeliveryScope
from portal.domain.usage import State as DeliveryState

NOTICE = timedelta(hours=24)
"""Between the begin of the closing and the closing itself."""

log = structlog.get_logger(__name__)


class MonthRow(NamedTuple):
    """A month with its state; `statements` counts those of accounts, `drafts` what partners have
    still to release."""

    month_on: date
    state: State
    closes_at: datetime | None
    closed_at: datetime | None
    statements: int
    drafts: int

    @property
    def is_over(self) -> bool:
        """Whether its last day is over."""
        return is_over(self.month_on)


def is_over(month_on: date) -> bool:
    """Whether the last day of the month is over."""
    return billing_days.today() >= next_month(month_on)


def finalise(month_on: date, *, by: Actor) -> BillingMonth:
    """An operator begins to close a month that is over; it closes 24 hours later. Has no effect if
    that has begun.

    Raises ReauthenticationRequired, Forbidden, Refused("month-not-over", "month-closed",
    "month-order").
    """
    identity.require_recent(by)
    access.require_operator(by, Action.MONTH_FINALISE)
    month = _lock(month_on)
    if month.state is State.OPEN:
        month.state, month.closes_at = State.FINALISING, db.now() + NOTICE
        db.session.flush()
        _record(Action.MONTH_FINALISE, month, by)
        db.after_commit(lambda: log.info("month.finalising", month=name_of(month_on)))
    return month


def close(month_on: date, *, by: Actor) -> None:
    """An operator closes a month at once. Its charges, prices and draws change no more; later
    deliveries for it go to the oldest open month.

    Raises as `finalise`, and Refused("month-delivery-staged", "month-rate-waits").
    """
    identity.require_recent(by)
    access.require_operator(by, Action.MONTH_CLOSE)
    month = finalise(month_on, by=by)
    if is_delivery_staged(month_on):
        raise Refused(Code.MONTH_DELIVERY_STAGED)
    if is_rate_waiting():
        raise Refused(Code.MONTH_RATE_WAITS)
    month.state, month.closed_at = State.CLOSED, db.now()
    db.session.flush()
    _record(Action.MONTH_CLOSE, month, by)
    db.after_commit(lambda: log.info("month.closed", month=name_of(month_on)))


def stop(month_on: date, *, by: Actor) -> None:
    """An operator stops the closing of a month; it begins again only by hand.

    Raises ReauthenticationRequired, Forbidden, Refused("month-not-finalising").
    """
    identity.require_recent(by)
    access.require_operator(by, Action.MONTH_STOP)
    installation.lock()
    month = db.session.get(BillingMonth, month_on, populate_existing=True)
    if month is None or month.state is not State.FINALISING:
        raise Refused(Code.MONTH_NOT_FINALISING)
    month.state, month.closes_at = State.OPEN, None
    db.session.flush()
    _record(Action.MONTH_STOP, month, by)
    db.after_commit(lambda: log.info("month.stopped", month=name_of(month_on)))


def _lock(month_on: date) -> BillingMonth:
    """Lock the months, and return the one that is to be closed."""
    installation.lock()
    if not is_open(month_on):
        raise Refused(Code.MONTH_CLOSED)
    if not is_over(month_on):
        raise Refused(Code.MONTH_NOT_OVER)
    first = first_charged()
    if first is not None and first < month_on:
        raise Refused(Code.MONTH_ORDER)
    month = db.session.get(BillingMonth, month_on, populate_existing=True)
    if month is None:
        month = BillingMonth(month_on=month_on, state=State.OPEN)
        db.session.add(month)
    return month


def name_of(month_on: date) -> str:
    """The month in ISO 8601: 2026-10."""
    return month_on.strftime("%Y-%m")


def _record(action: Action, month: BillingMonth, by: Actor) -> None:
    audit.record(action, by=by, chain=audit.INSTALLATION, thing=name_of(month.month_on))


def is_delivery_staged(month_on: date) -> bool:
    """Whether a delivery waits whose rows the month would not get any more."""
    is_early = exists().where(
        DeliveryScope.delivery_id == Delivery.id, DeliveryScope.scope_on < next_month(month_on)
    )
    is_unknown = Delivery.state.in_((DeliveryState.UPLOADED, DeliveryState.STAGING))
    waits = or_(is_unknown, and_(Delivery.state == DeliveryState.STAGED, is_early))
    return db.session.scalar(select(Delivery.id).where(waits).limit(1)) is not None


def is_rate_waiting() -> bool:
    """Whether a worker has still to apply a rate, which prices of a closed month would not
    follow."""
    is_new = PriceList.applied != PriceList.rates
    return db.session.scalar(select(PriceList.partner_id).where(is_new).limit(1)) is not None


def first_charged(after: date | None = None) -> date | None:
    """The oldest open month with charges, after the given one."""
    is_later = ChargeSum.month_on > after if after else ChargeSum.month_on >= oldest_open()
    query = select(ChargeSum.month_on).join(Posting, Posting.id == ChargeSum.posting_id)
    query = query.where(is_later, Posting.posted_at.is_not(None))
    return db.session.scalar(query.order_by(ChargeSum.month_on).limit(1))


def months_for(actor: Actor) -> list[MonthRow]:
    """Months with charges, and all whose closing has begun, the newest first; for operators."""
    access.require_operator(actor, Action.MONTH_FINALISE)
    rows = {row.month_on: row for row in db.session.scalars(select(BillingMonth))}
    found = set(rows)
    month_on = first_charged()
    while month_on is not None:
        found.add(month_on)
        month_on = first_charged(month_on)
    counts = _count_statements()
    return [
        _row(each, rows.get(each), *counts.get(each, (0, 0)))
        for each in sorted(found, reverse=True)
    ]


def _row(month_on: date, row: BillingMonth | None, statements: int, drafts: int) -> MonthRow:
    if row is None:
        return MonthRow(month_on, State.OPEN, None, None, statements, drafts)
    return MonthRow(month_on, row.state, row.closes_at, row.closed_at, statements, drafts)


def _count_statements() -> dict[date, tuple[int, int]]:
    is_account = Statement.issuer_id == ""
    query = select(
        Statement.month_on,
        func.count().filter(is_account, Statement.number.is_not(None)),
        func.count().filter(~is_account, Statement.number.is_(None)),
    ).group_by(Statement.month_on)
    return {row[0]: (row[1], row[2]) for row in db.session.execute(query)}


def next_by_itself() -> date | None:
    """The month whose closing is to begin now by the setting; None if there is none."""
    days = policy.current().close_after_days
    month_on = first_charged()
    if days is None or month_on is None:
        return None
    is_due = billing_days.today() >= next_month(month_on) + timedelta(days=days)
    return month_on if is_due and db.session.get(BillingMonth, month_on) is None else None
