"""Job kinds: what runs the jobs of each kind, what records the outcome, in how many threads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

from portal import db
from portal.domain import jobs, mail_deliveries
from portal.domain.jobs import Job, Kind, Outcome, State
from portal.worker import import_steps, mails, orders, upkeep, usage_imports

Record = Callable[[], dict[str, Any] | None]
"""The unit of work that records an outcome. It returns the facts for the log, with the new `state`,
or None if the worker has lost the job."""


class Handler(NamedTuple):
    """`claim` is the unit of work that settles jobs whose worker died, then claims the next one of
    a kind for `lease`. `run` works outside of any transaction. `fault` is for what `run` raises.
    Recording the outcome is tried for up to `lease`, too."""

    claim: Callable[[str, timedelta], Any]
    run: Callable[[Any], Record]
    fault: Callable[[Any, Exception], Record]
    lease: timedelta


def _claim(kind: str, lease: timedelta) -> Job | None:
    jobs.settle_lost(kind)
    job = jobs.claim_next(kind, lease=lease)
    if job is not None:
        db.session.expunge(job)  # it is used outside of any transaction
    return job


def _runs(run: Callable[[Job], Outcome], *, lease: timedelta = jobs.LEASE) -> Handler:
    """The handler of jobs that `run` runs. After a fault they are retried; they wait for a database
    that is busy or away."""

    def record(job: Job, outcome: Outcome) -> dict[str, Any] | None:
        facts = {"subject": job.subject_id, "state": outcome.state, "attempts": job.attempts}
        return facts if jobs.finish(job.key, job.token, outcome) else None

    def run_job(job: Job) -> Record:
        if (failed := jobs.outcome_of_unreadable(job)) is not None:
            return lambda: record(job, failed)
        try:
            outcome = Outcome(*run(job))
        except db.Unavailable:  # no fault of the job
            return lambda: record(
                job, Outcome(State.WAITING, run_at=db.now() + orders.DATABASE_WAIT)
            )
        return lambda: record(job, outcome)

    def record_fault(job: Job, error: Exception) -> Record:
        answer = f"internal fault: {type(error).__name__}"
        return lambda: record(job, jobs.outcome_of_fault(job, answer))

    return Handler(_claim, run_job, record_fault, lease)


_MAIL = Handler(mails.claim, mails.deliver, mails.record_fault, mail_deliveries.REPLY_LEASE)
HANDLERS: dict[str, Handler] = {
    Kind.MAIL_NOW: _MAIL,
    Kind.MAIL: _MAIL,
    Kind.IMPORTS: _runs(import_steps.run, lease=import_steps.LEASE),
    Kind.USAGE: _runs(usage_imports.run, lease=usage_imports.LEASE),
    Kind.CLOUDS: Handler(_claim, orders.carry_out, orders.record_fault, jobs.LEASE),
    Kind.UPKEEP: _runs(upkeep.run),
}
THREADS: dict[str, int] = {
    Kind.MAIL_NOW: 1,
    Kind.MAIL: 2,
    Kind.IMPORTS: 1,
    Kind.USAGE: 1,
    Kind.CLOUDS: 4,
    Kind.UPKEEP: 1,
}
"""Threads of a worker by kind of job."""
