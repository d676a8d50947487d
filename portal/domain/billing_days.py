"""Billing days: the days of the installation's billing time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from portal import db
from portal.domain import policy


def today() -> date:
    """Return the current billing day."""
    return day_of(db.now())


def day_of(instant: datetime) -> date:
    """Return the billing day of an instant."""
    return instant.astimezone(policy.current().billing_time_zone).date()


def start_of(day: date) -> datetime:
    """Return the instant at which a billing day begins, in UTC."""
    return datetime.combine(day, time(), policy.current().billing_time_zone).astimezone(UTC)
