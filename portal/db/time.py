"""The instant of a unit of work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import func, select

from portal.db.transactions import session


def _database_clock() -> datetime:
    if session.get_bind().dialect.name == "postgresql":
        there: datetime = session.execute(select(func.transaction_timestamp())).scalar_one()
        return there.astimezone(UTC)
    return datetime.now(UTC)


clock: Callable[[], datetime] = _database_clock
"""Where `now` comes from; tests put a standing clock here, and nowhere else."""


def now() -> datetime:
    """The instant of this unit of work, read once (on PostgreSQL from the database)."""
    if "now" not in session.info:
        session.info["now"] = clock()
    instant: datetime = session.info["now"]
    return instant


def set_now(instant: datetime) -> None:
    """What follows in this unit of work happens then: so the demonstration tells a past."""
    session.info["now"] = instant
