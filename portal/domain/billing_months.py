"""Billing months: open, finalising, closed; charges and prices change in open ones alone.

Months are closed in their order: all up to the last closed one are closed. A month without a row is
open. The rows are changed only under the lock of the installation.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from portal import db


class State(StrEnum):
    OPEN = "open"
    FINALISING = "finalising"
    CLOSED = "closed"


class BillingMonth(db.Base):
    """A month whose closing has begun. It closes at `closes_at`; one that is open again was
    stopped."""

    __tablename__ = "billing_months"
    __table_args__ = (
        CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed"),
        CheckConstraint("(state = 'open') = (closes_at IS NULL)", name="closes"),
        Index(
            "uq_billing_months_finalising",
            "state",
            unique=True,
            sqlite_where=text("state = 'finalising'"),
            postgresql_where=text("state = 'finalising'"),
        ),
    )

    month_on: Mapped[date] = mapped_column(primary_key=True)
    state: Mapped[State] = mapped_column(db.enum_column(State, "state"))
    closes_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


def month_of(day: date) -> date:
    """Return the first day of the month."""
    return day.replace(day=1)


def next_month(month_on: date) -> date:
    """Return the first day of the month after it."""
    return month_of(month_on.replace(day=28) + timedelta(days=4))


def last_closed() -> date | None:
    """Return the last closed month; None if none is closed."""
    is_closed = BillingMonth.state == State.CLOSED
    return db.session.scalar(select(func.max(BillingMonth.month_on)).where(is_closed))


def oldest_open() -> date:
    """Return the first day that is not in a closed month; date.min if no month is closed."""
    month_on = last_closed()
    return next_month(month_on) if month_on else date.min


def first_open_before(month_on: date) -> date:
    """Return the first day that was in no closed month when this month was closed, or would be;
    date.min if it was the first."""
    is_earlier = BillingMonth.state == State.CLOSED, BillingMonth.month_on < month_on
    earlier = db.session.scalar(select(func.max(BillingMonth.month_on)).where(*is_earlier))
    return next_month(earlier) if earlier else date.min


def closed_since(moment: datetime, *, first: date) -> dict[date, datetime]:
    """Return when months from the first on were closed, of those closed since the moment."""
    is_recent = BillingMonth.month_on >= first, BillingMonth.closed_at >= moment
    query = select(BillingMonth.month_on, BillingMonth.closed_at).where(*is_recent)
    return {row[0]: row[1] for row in db.session.execute(query) if row[1]}


def is_open(month_on: date) -> bool:
    """Return whether the month that begins on this day is not closed."""
    return month_on >= oldest_open()
