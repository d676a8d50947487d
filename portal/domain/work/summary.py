"""The summary of the work: how many jobs of each kind wait, run, failed or are parked."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, or_, select

from portal import db
from portal.domain import jobs
from portal.domain.actors import Actor
from portal.domain.jobs import Job, Kind, State

LISTED_STATES = (State.WAITING, State.RUNNING, State.FAILED, State.PARKED)


class KindSummary(NamedTuple):
    """A kind of jobs: how many are in each of LISTED_STATES, since when the oldest is due, how many
    of the running ones have a silent worker, and since when the oldest has failed or is parked."""

    kind: str
    counts: dict[State, int]
    due_since: datetime | None
    orphaned: int
    ended: dict[State, datetime]


def summaries_for(actor: Actor) -> list[KindSummary]:
    """A summary of each kind, empty ones included; kinds of a newer version come last."""
    now = db.now()
    counts: dict[str, dict[State, int]] = {kind: dict.fromkeys(LISTED_STATES, 0) for kind in Kind}
    oldest: dict[str, datetime] = {}
    orphaned: dict[str, int] = {}
    ended: dict[str, dict[State, datetime]] = {}
    columns = Job.kind, Job.state
    ages = func.min(Job.run_at), func.min(Job.finished_at)
    numbers = func.count(), func.count().filter(jobs.is_orphaned()), *ages
    query: Any = select(*columns, *numbers).where(is_listed(), Job.visible_to(actor))
    for kind, state, count, silent, run_at, finished_at in db.session.execute(
        query.group_by(*columns).order_by(Job.kind)
    ):
        counts.setdefault(kind, dict.fromkeys(LISTED_STATES, 0))[state] = count
        if state is State.WAITING and run_at <= now:
            oldest[kind] = run_at
        if state is State.RUNNING:
            orphaned[kind] = silent
        if finished_at:
            ended.setdefault(kind, {})[state] = finished_at
    return [
        KindSummary(kind, by_state, oldest.get(kind), orphaned.get(kind, 0), ended.get(kind, {}))
        for kind, by_state in counts.items()
    ]


def is_listed() -> ColumnElement[bool]:
    """The condition for jobs in LISTED_STATES; those that failed are listed for `jobs.RETENTION`,
    although mails that are sent at most once are kept for good."""
    is_recent = Job.run_at > db.now() - jobs.RETENTION
    return Job.state.in_(LISTED_STATES) & or_(Job.state != State.FAILED, is_recent)
