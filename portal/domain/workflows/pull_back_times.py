"""After the clock was set back, work would wait until it is there again: pull its times back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from portal import db
from portal.domain import locks
from portal.domain.alerts import Alert
from portal.domain.circuit_breakers import PROBE_EVERY, CircuitBreaker
from portal.domain.heartbeats import Heartbeat
from portal.domain.jobs import OPEN_STATES, Job
from portal.domain.usage import Delivery

TOLERANCE = timedelta(minutes=1)
"""How far the clocks of processes may differ."""
LONGEST_LEASE = timedelta(minutes=15)
NEVER = timedelta(days=366)
"""No job waits for so long."""


def pull_back_times() -> int:
    """If a time that is past lies ahead of the clock, pull back what work goes by. Returns the
    number of times that were pulled back.

    What waits is tried now. A lease goes on for LONGEST_LEASE: its worker may be alive.
    """
    if not _is_set_back():
        return 0
    now, until, is_open = db.now(), db.now() + LONGEST_LEASE, Job.state.in_(OPEN_STATES)
    count = _limit(Delivery.leased_until, until)
    count += _limit(Alert.began_at, now) + _limit(Alert.mailed_at, now)
    db.session.execute(locks.select_for_update(Job.id, is_open)).all()
    for column in (Job.created_at, Job.first_tried_at, Job.started_at, Job.run_at):
        count += _limit(column, now, is_open)
    count += _limit(Job.leased_until, until, is_open)
    count += _limit(CircuitBreaker.since, now)
    count += _limit(CircuitBreaker.retry_at, now + PROBE_EVERY)
    return count + _limit(Heartbeat.seen_at, now)


def _is_set_back() -> bool:
    late, never = db.now() + TOLERANCE, db.now() + NEVER
    is_open = Job.state.in_(OPEN_STATES)
    is_ahead = or_(Job.created_at > late, Job.run_at > never, Job.leased_until > never)
    seen = select(Heartbeat.id).where(Heartbeat.seen_at > late)
    waiting = select(Job.id).where(is_open, is_ahead)
    return bool(db.session.scalar(select(or_(seen.exists(), waiting.exists()))))


def _limit(
    column: InstrumentedAttribute[Any], most: datetime, *conditions: ColumnElement[bool]
) -> int:
    """Replace later times of the column by `most`; their number."""
    values = {column.key: most}
    result: Any = db.session.execute(
        update(column.class_).where(column > most, *conditions).values(values)
    )
    return int(result.rowcount)
