"""Orders: jobs that make what is agreed so at a connection, one at a time per connection.

An order names only its kind and its subject. When it runs, it reads what is agreed then.
"""

from __future__ import annotations

from sqlalchemy import update

from portal import db
from portal.domain import locks
from portal.domain.jobs.record import (
    REPLACED,
    TAKING_ACCESS_AWAY,
    Job,
    Kind,
    OrderKind,
    State,
    add,
)

CLOUD_LANE = "cloud:"
PRIORITIES = {**dict.fromkeys(TAKING_ACCESS_AWAY, 100), OrderKind.TEST: 50}
"""Orders that take access away go first, then tests, which somebody waits for."""


def cloud_lane(connection_id: str) -> str:
    """The lane of the connection's orders."""
    return f"{CLOUD_LANE}{connection_id}"


def add_order(
    kind: OrderKind, subject_id: str, *, connection_id: str, account_id: str | None = None
) -> Job:
    """Queue an order; it replaces one of the same kind and subject that waits or is parked. The
    calling verb has locked the subject."""
    is_same = Job.kind == Kind.CLOUDS, Job.subject_kind == kind, Job.subject_id == subject_id
    # One that runs is locked, too: its try must not end between this look and the new row.
    states = (State.WAITING, State.PARKED, State.RUNNING)
    db.session.execute(locks.select_for_update(Job.id, *is_same, Job.state.in_(states))).all()
    values = {"state": State.CANCELLED, "answer": REPLACED, "finished_at": db.now()}
    replaced = update(Job).where(*is_same, Job.state.in_((State.WAITING, State.PARKED)))
    db.session.execute(replaced.values(values))
    return add(
        Kind.CLOUDS,
        key=cloud_lane(connection_id),
        subject=(kind, subject_id),
        priority=PRIORITIES.get(kind, 0),
        account_id=account_id,
    )
