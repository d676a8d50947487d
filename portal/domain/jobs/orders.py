"""Orders: jobs that make what is agreed so at a connection, one at a time per connection.

An order names only its kind and its subject. When it runs, it reads what is agreed then.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import aliased

from portal import db
from portal.domain import locks
from portal.domain.jobs.record import (
    BY_THE_CLOCK,
    REPLACED,
    TAKING_ACCESS_AWAY,
    Job,
    Kind,
    OrderKind,
    State,
    add,
)

CLOUD_LANE = "cloud:"
PRIORITIES = {
    **dict.fromkeys(TAKING_ACCESS_AWAY, 100),
    OrderKind.TEST: 50,
    OrderKind.FETCH_USAGE: -10,
}
"""Orders that take access away go first, then tests, which somebody waits for. Usage goes last."""


def cloud_lane(connection_id: str) -> str:
    """The lane of the connection's orders."""
    return f"{CLOUD_LANE}{connection_id}"


def add_order(
    kind: OrderKind,
    subject_id: str,
    *,
    connection_id: str,
    account_id: str | None = None,
    facts: dict[str, Any] | None = None,
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
        facts=facts,
        priority=PRIORITIES.get(kind, 0),
        account_id=account_id,
    )


def is_parked(kind: OrderKind, subject_id: str) -> bool:
    """Whether an order of this kind and subject waits for an operator: what a worker finds out does
    not order it again."""
    is_it = Job.kind == Kind.CLOUDS, Job.subject_kind == kind, Job.subject_id == subject_id
    return db.session.scalar(select(Job.id).where(*is_it, Job.state == State.PARKED)) is not None


def waits_for_person() -> ColumnElement[bool]:
    """The condition for orders that an operator runs again or cancels: parked ones, and failed ones
    that no newer order followed, but for those that the clock queues again."""
    newer = aliased(Job)
    is_same = newer.subject_kind == Job.subject_kind, newer.subject_id == Job.subject_id
    is_followed = select(newer.id).where(newer.key == Job.key, *is_same, newer.id > Job.id)
    return and_(
        Job.kind == Kind.CLOUDS,
        Job.subject_kind.not_in(BY_THE_CLOCK),
        or_(Job.state == State.PARKED, and_(Job.state == State.FAILED, ~is_followed.exists())),
    )


def numbers_for_person() -> dict[str, int]:
    """How many orders wait for a person, by the lane of their connection."""
    query = select(Job.key, func.count()).where(waits_for_person()).group_by(Job.key)
    return {row[0]: row[1] for row in db.session.execute(query)}


def cancel_orders(kinds: Collection[OrderKind], subject_ids: Collection[str]) -> None:
    """Cancel the orders of these kinds and subjects that wait or are parked, because an order that
    takes access away replaces them. The calling verb has locked the subjects."""
    is_order = Job.kind == Kind.CLOUDS, Job.subject_kind.in_(kinds)
    is_idle = Job.state.in_((State.WAITING, State.PARKED))
    query = locks.select_for_update(Job.id, *is_order, Job.subject_id.in_(subject_ids), is_idle)
    ids = list(db.session.scalars(query))
    values = {"state": State.CANCELLED, "answer": REPLACED, "finished_at": db.now()}
    db.session.execute(update(Job).where(Job.id.in_(ids), is_idle).values(values))
