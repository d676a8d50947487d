"""Dead workers: their jobs are taken up by the next worker, before the lease ends."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, and_, or_, update

from portal import db
from portal.domain import heartbeats, locks
from portal.domain.jobs.record import Job, State

DEAD_AFTER = timedelta(seconds=75)
"""From the start of a try, for a worker that was not seen in the last minute.

A worker that is only slow is never taken for dead: its heartbeat has a thread of its own. One that
was stopped (SIGSTOP) may wake up after this time, beside the worker that has taken its job up. It
asks its connection nothing more then: a try asks until 70 seconds after its start at most
(`worker/providers.py`), but for lists of clouds, which change nothing. The token on the job rejects
its outcome. Imports, usage, upkeep and mails change rows only under locks and tokens of their own.
"""


def end_leases_of_dead_workers() -> int:
    """End the leases of jobs whose worker's process is gone from this machine, or is silent; their
    number. They are settled as if their lease was over. A mail that is sent at most once belongs to
    no worker after its mark: it keeps its lease."""
    now, gone = db.now(), heartbeats.gone()
    is_silent = and_(_was_not_seen_for(heartbeats.ALIVE_FOR), Job.started_at < now - DEAD_AFTER)
    is_dead = or_(Job.worker.in_(gone), is_silent)
    is_lost = Job.state == State.RUNNING, Job.leased_until >= now, is_dead
    ids = list(db.session.scalars(locks.select_for_update(Job.id, *is_lost)))
    db.session.execute(update(Job).where(Job.id.in_(ids), *is_lost).values(leased_until=now))
    heartbeats.end(*gone)
    return len(ids)


def is_orphaned() -> ColumnElement[bool]:
    """The condition for running jobs whose worker missed its heartbeats: it is probably dead."""
    return and_(Job.state == State.RUNNING, _was_not_seen_for(heartbeats.SILENT_AFTER))


def _was_not_seen_for(span: timedelta) -> ColumnElement[bool]:
    # Without the first condition, NULL would not be in an empty list.
    return and_(Job.worker.is_not(None), Job.worker.not_in(heartbeats.seen_within(span)))
