"""The time of a unit of work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import func, select

from portal.db.transactions import session


def _database_clock() -> datetime:
    if session.get_bind().dialect.name == "postgresql":
        instant: datetime = session.execute(select(func.transaction_timestamp())).scalar_one()
        return instant.astimezone(UTC)
    return datetime.now(UTC)


clock: Callable[[], datetime] = _database_clock
"""The source of `now`; tests replace it with a frozen clock."""


def now() -> datetime:
    """The instant of this unit of work in UTC, read once (on PostgreSQL from the database)."""
    if "now" not in session.info:
        session.info["now"] = clock()
    instant: datetime = session.info["now"]
    return instant


def set_now(instant: datetime) -> None:
    """Set the instant of the rest of this unit of work. The demo uses it to create a past."""
    session.info["now"] = instant
