"""Claims of jobs: claim the next one, end its try, retry it, settle it if its worker died."""

from __future__ import annotations

import random
import secrets
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, and_, bindparam, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from portal import db, processes
from portal.domain import circuit_breakers, locks
from portal.domain.circuit_breakers import CircuitBreaker
from portal.domain.jobs.record import NO_CLAIM, REPLACED, UNREADABLE, Job, Kind, State
from portal.domain.retention import BATCH

RETRY_AFTER = tuple(timedelta(seconds=s) for s in (15, 60, 180, 300, 600, 900))
JITTER = 0.2
"""A retry waits up to this share longer, so that jobs that failed together spread."""
GIVE_UP_AFTER = timedelta(hours=4)
"""From the first try."""
LEASE = timedelta(minutes=5)
WORKER_DIED = "the worker ended during the try; see its log"

# Built once: each thread of an idle worker runs one of them every second.
_NOW = bindparam("now", type_=db.UtcDateTime())
_KINDS: BindParameter[str] = bindparam("kinds", expanding=True)
_running = aliased(Job)
_is_busy = select(_running.id).where(_running.key == Job.key, _running.state == State.RUNNING)
_breaker = select(CircuitBreaker.key).where(
    CircuitBreaker.key.in_((Job.kind, Job.key)), CircuitBreaker.retry_at > _NOW
)
_IS_DUE = and_(
    Job.state == State.WAITING, Job.run_at <= _NOW, ~_is_busy.exists(), ~_breaker.exists()
)
"""The condition for jobs that can run now: due, lane free, circuit breaker closed."""
_IS_LOST = and_(Job.state == State.RUNNING, Job.leased_until < _NOW)
_HAS_WORK = select(Job.id).where(Job.kind.in_(_KINDS), or_(_IS_DUE, _IS_LOST)).limit(1)
_NEXT = (
    select(Job)
    .where(Job.kind.in_(_KINDS), _IS_DUE)
    .order_by(Job.priority.desc(), Job.run_at, Job.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_LOST = (
    select(Job)
    .where(Job.kind.in_(_KINDS), _IS_LOST)
    .order_by(Job.id)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
    .execution_options(populate_existing=True)
)


class Outcome(NamedTuple):
    """What becomes of a job after a try. With WAITING it runs again at `run_at`; without a fault
    its tries are then counted from there. `facts` replace the job's."""

    state: State
    answer: str = ""
    run_at: datetime | None = None
    is_fault: bool = False
    facts: dict[str, Any] | None = None


class _ProbedByAnother(Exception):
    """Another worker has just claimed the one job that an open circuit breaker lets pass."""


def has_work(*kinds: str) -> bool:
    """Whether a job of these kinds is due, or has lost its worker. Only reads, so that idle workers
    lock nothing."""
    return db.session.scalar(_HAS_WORK, {"kinds": kinds, "now": db.now()}) is not None


def claim_next(*kinds: str, lease: timedelta = LEASE) -> Job | None:
    """Claim the due job of the highest priority, then the oldest, whose lane is free; None if there
    is none. It has a new token until the lease ends."""
    now = db.now()
    job = db.session.scalar(_NEXT, {"kinds": kinds, "now": now})
    if job is None:
        return None
    _repair(job)
    try:
        with db.savepoint():
            _begin(job, now, lease)
    except (IntegrityError, _ProbedByAnother):  # or it has just claimed a job of the same lane
        return None
    return job


def _repair(job: Job) -> None:
    """Make a row readable that was edited by hand. Those that go on in any case run without what is
    lost; of the others the handler records that they fail."""
    names = db.make_readable(job)
    if names and not (job.is_endless or job.subject_kind == "mail"):
        job.facts = {**job.facts, UNREADABLE: ", ".join(names)}


def outcome_of_unreadable(job: Job) -> Outcome | None:
    """The outcome of a claimed job whose row could not be read; None if it could."""
    facts = dict(job.facts)
    columns = facts.pop(UNREADABLE, None)
    if columns is None:
        return None
    return Outcome(State.FAILED, UNREADABLE, facts={**facts, "fault": {"columns": columns}})


def _begin(job: Job, now: datetime, lease: timedelta) -> None:
    job.state, job.token, job.leased_until = State.RUNNING, new_token(), now + lease
    job.started_at, job.first_tried_at = now, job.first_tried_at or now
    job.worker = processes.this().id
    job.attempts += 1
    db.session.flush()
    if not circuit_breakers.begin_probe(job.kind, job.key):
        raise _ProbedByAnother


def new_token() -> str:
    """A token that only the worker with the claim knows."""
    return secrets.token_hex(16)


def lock_lost(*kinds: str) -> list[Job]:
    """Lock and return the running jobs of these kinds whose lease is over: their worker died."""
    return list(db.session.scalars(_LOST, {"kinds": kinds, "now": db.now()}))


def lock(key: str) -> None:
    """Lock the lane's jobs until the commit."""
    db.session.execute(locks.select_for_update(Job.id, Job.key == key)).all()


def extend_lease(key: str, token: str | None, until: datetime, *, keeps_worker: bool) -> bool:
    """Extend the lease of the lane's running job. False if this worker has lost it. Without
    `keeps_worker` only the end of the lease shows from now on that the worker died."""
    values: dict[str, Any] = {"leased_until": until}
    if not keeps_worker:
        values["worker"] = None
    return _update(_claimed(key, token).where(Job.leased_until >= db.now()).values(values))


def wake(job_id: str, key: str) -> None:
    """Let a job of this lane run now, if it waits without a fault: for an operation of a cloud."""
    try:
        job = db.lock(Job, job_id)
    except LookupError:
        return
    if job.key == key and job.state is State.WAITING and not job.attempts:
        job.run_at = min(job.run_at, db.now())
        db.session.flush()


def finish(key: str, token: str | None, outcome: Outcome) -> bool:
    """End a try of the lane's running job. False if this worker has lost it. An order that a newer
    one replaced meanwhile is cancelled in place of being tried again."""
    values: dict[str, Any] = {"state": outcome.state, "answer": outcome.answer}
    values |= NO_CLAIM
    if outcome.facts is not None:
        values["facts"] = outcome.facts
    if outcome.state is not State.WAITING:
        values["finished_at"] = db.now()
    else:
        values["run_at"] = outcome.run_at or db.now()
        if not outcome.is_fault:
            values |= {"attempts": 0, "first_tried_at": None}
    if outcome.state is not State.WAITING:
        return _update(_claimed(key, token).values(values))
    try:
        with db.savepoint():
            return _update(_claimed(key, token).values(values))
    except IntegrityError:
        values |= {"state": State.CANCELLED, "answer": REPLACED, "finished_at": db.now()}
        return _update(_claimed(key, token).values(values))


def outcome_of_fault(job: Job, answer: str, *, gives_up: bool = True) -> Outcome:
    """The outcome of a try that failed and may succeed later: retry it with growing waits, or, with
    `gives_up`, fail when the first try was GIVE_UP_AFTER ago, unless the job is endless."""
    now = db.now()
    is_last = gives_up and not job.is_endless
    if is_last and now - (job.first_tried_at or now) >= GIVE_UP_AFTER:
        return Outcome(State.FAILED, answer)
    return Outcome(State.WAITING, answer, now + retry_wait(job.attempts), is_fault=True)


def retry_wait(attempts: int) -> timedelta:
    """How long to wait after this many tries: RETRY_AFTER with jitter."""
    wait = RETRY_AFTER[min(max(attempts, 1), len(RETRY_AFTER)) - 1]
    return wait * (1 + random.uniform(0, JITTER))  # noqa: S311 - only spreads retries


def settle_lost(*kinds: str) -> None:
    """Retry the jobs whose worker died, or fail those that had all their tries: a worker's death
    may have had another cause. An order that takes access away is retried at once after its first
    try. Orders are failed by a worker, see `has_lost_its_workers`."""
    for job in lock_lost(*kinds):
        is_last = job.attempts > len(RETRY_AFTER) and job.kind != Kind.CLOUDS
        outcome = outcome_of_fault(job, WORKER_DIED, gives_up=is_last)
        if job.takes_access_away and job.attempts == 1:
            outcome = outcome._replace(run_at=db.now())
        finish(job.key, job.token, outcome)


def has_lost_its_workers(job: Job) -> bool:
    """Whether a claimed order had all its tries, and its worker died in the last one: it fails
    without another try, once what it is about is locked, which comes before jobs."""
    is_last = job.attempts > len(RETRY_AFTER) + 1 and job.answer == WORKER_DIED
    return is_last and outcome_of_fault(job, WORKER_DIED).state is State.FAILED


def _claimed(key: str, token: str | None) -> Any:
    return update(Job).where(Job.key == key, Job.token == token, Job.state == State.RUNNING)


def _update(statement: Any) -> bool:
    result: Any = db.session.execute(statement)
    return bool(result.rowcount == 1)
