"""Readiness: what is wrong with the work outside of requests, for operators and monitoring."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import func, select

from portal import db
from portal.domain import circuit_breakers, heartbeats, jobs
from portal.domain.heartbeats import Heartbeat, ProcessKind
from portal.domain.jobs import OPEN_STATES, Job, Kind, State

MAX_DELAY: dict[str, timedelta] = {
    Kind.MAIL_NOW: timedelta(minutes=15),
    Kind.MAIL: timedelta(minutes=15),
    Kind.IMPORTS: timedelta(minutes=15),
    Kind.USAGE: timedelta(hours=1),
    Kind.CLOUDS: timedelta(hours=1),
}
"""How long a due job may wait."""
MAX_DELAY_TAKING_ACCESS = timedelta(minutes=5)
"""How long it may take to carry out an order that takes access away."""
DEFAULT_MAX_DELAY = timedelta(hours=1)
CALLING_KINDS = (Kind.MAIL_NOW, Kind.MAIL, Kind.CLOUDS)
"""Kinds whose jobs call something outside."""
DOCTOR_KEY, FETCHING_KEY = "upkeep:doctor", "upkeep:fetch-usage"
MAX_CALL = timedelta(seconds=30)


class Cause(StrEnum):
    NO_WORKER = "no-worker"
    OVERDUE = "overdue"
    NO_ANSWER = "no-answer"
    SLOW_CALL = "slow-call"
    DOCTOR = "doctor"
    NEEDS_PERSON = "needs-person"
    NO_USAGE = "no-usage"


class Problem(NamedTuple):
    """`kind` is the kind of job that is unwell; empty for the worker as a whole. `since` is None if
    it has never been well."""

    cause: Cause
    kind: str
    since: datetime | None


def problems() -> list[Problem]:
    """What is wrong now; empty if all is well."""
    return [
        *_missing_worker(),
        *_open_breakers(),
        *_slow_calls(),
        *_overdue(),
        *_waiting_for_person(),
        *_silent_connections(),
        *_doctor(),
    ]


def _missing_worker() -> list[Problem]:
    if heartbeats.alive(ProcessKind.WORKER):
        return []
    query = select(func.max(Heartbeat.seen_at)).where(Heartbeat.kind == ProcessKind.WORKER)
    return [Problem(Cause.NO_WORKER, "", db.session.scalar(query))]


def _open_breakers() -> list[Problem]:
    """The problem of a kind is as old as its oldest breaker."""
    oldest = {
        kind_of_breaker(breaker.key): breaker.since
        for breaker in reversed(circuit_breakers.open_breakers())
    }
    return [Problem(Cause.NO_ANSWER, *item) for item in oldest.items()]


def kind_of_breaker(key: str) -> str:
    """The kind of jobs that ask what has this key: a kind of mail, or a connection's lane."""
    return Kind.CLOUDS if key.startswith(jobs.CLOUD_LANE) else key


def _slow_calls() -> list[Problem]:
    is_slow = (
        Job.state == State.RUNNING,
        Job.kind.in_(CALLING_KINDS),
        Job.started_at < db.now() - MAX_CALL,
        Job.leased_until >= db.now(),
        ~jobs.is_orphaned(),
    )
    query = select(Job.kind, func.min(Job.started_at)).where(*is_slow).group_by(Job.kind)
    return [Problem(Cause.SLOW_CALL, *row) for row in db.session.execute(query)]


def _overdue() -> list[Problem]:
    now = db.now()
    late = {
        kind: run_at
        for kind, run_at in oldest_due().items()
        if run_at < now - MAX_DELAY.get(kind, DEFAULT_MAX_DELAY)
    }
    since = _oldest_taking_access()
    if since is not None and since < now - MAX_DELAY_TAKING_ACCESS:
        late[Kind.CLOUDS] = min(since, late.get(Kind.CLOUDS, since))
    return [Problem(Cause.OVERDUE, kind, since) for kind, since in sorted(late.items())]


def _oldest_taking_access() -> datetime | None:
    """When the oldest open order that takes access away was queued; its retries don't count."""
    is_open = jobs.takes_access_away(), Job.state.in_(OPEN_STATES)
    return db.session.scalar(select(func.min(Job.created_at)).where(*is_open))


def _waiting_for_person() -> list[Problem]:
    query = select(func.min(Job.finished_at)).where(jobs.waits_for_person())
    since = db.session.scalar(query)
    return [] if since is None else [Problem(Cause.NEEDS_PERSON, Kind.CLOUDS, since)]


def oldest_due() -> dict[str, datetime]:
    """When the oldest due job was due, by kind."""
    is_due = Job.state == State.WAITING, Job.run_at <= db.now()
    query = select(Job.kind, func.min(Job.run_at)).where(*is_due).group_by(Job.kind)
    return {row[0]: row[1] for row in db.session.execute(query.order_by(Job.kind))}


COUNTED_STATES = (State.WAITING, State.RUNNING, State.FAILED, State.PARKED)


def job_counts() -> dict[tuple[str, State], int]:
    """The numbers of jobs that are not done or cancelled, by kind and state."""
    query = select(Job.kind, Job.state, func.count()).where(Job.state.in_(COUNTED_STATES))
    rows = db.session.execute(query.group_by(Job.kind, Job.state))
    return {(kind, state): count for kind, state, count in rows}


def _doctor() -> list[Problem]:
    """The doctor's job keeps the number of its findings in its facts."""
    facts = _facts_of(DOCTOR_KEY)
    return [Problem(Cause.DOCTOR, Kind.UPKEEP, None) for each in facts if each.get("problems")]


def _silent_connections() -> list[Problem]:
    """The job that orders usage keeps in its facts since when a connection has not delivered."""
    found = (each.get("silent_since") for each in _facts_of(FETCHING_KEY))
    return [
        Problem(Cause.NO_USAGE, Kind.USAGE, datetime.fromisoformat(since))
        for since in found
        if since
    ]


def _facts_of(key: str) -> list[dict[str, Any]]:
    """The facts of the upkeep that is queued or runs."""
    is_it = Job.key == key, Job.state.in_(OPEN_STATES)
    return list(db.session.scalars(select(Job.facts).where(*is_it)))
