"""Upkeep: jobs that run by the clock, each in small batches."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from portal import db, logs
from portal.domain import (
    audit,
    doctor,
    feedback,
    heartbeats,
    idempotency,
    identity,
    imports,
    invitations,
    jobs,
    notifications,
    usage,
)
from portal.domain.jobs import Job, Kind, Outcome, State

PURGES: dict[str, Callable[[], bool]] = {
    "purge-mails": invitations.purge_expired_mails,
    "purge-jobs": jobs.purge_expired,
    "purge-imports": imports.purge_expired,
    "purge-identity": identity.purge_expired,
    "purge-idempotency-keys": idempotency.purge_expired,
    "purge-feedback": feedback.purge_expired,
    "purge-notifications": notifications.purge_expired,
    "purge-usage": usage.purge_expired,
    "purge-heartbeats": heartbeats.purge_expired,
}
"""Units of work that delete one batch of what is past its retention, and return whether there may
be more."""
PURGE_EVERY = timedelta(minutes=10)

DOCTOR = "doctor"
AUDIT_HEADS = "audit-heads"
DAILY = timedelta(days=1)


def queue_upkeep() -> None:
    """Queue each upkeep job that is not queued."""
    for name in (*PURGES, DOCTOR, AUDIT_HEADS):
        jobs.add_recurring(Kind.UPKEEP, key=f"upkeep:{name}", subject=("upkeep", name))


def run(job: Job) -> Outcome:
    """Run one batch of an upkeep job; it goes on at once if there may be more."""
    if job.subject_id == DOCTOR:
        return _run_doctor()
    if job.subject_id == AUDIT_HEADS:
        if logs.are_json():  # else `audit verify` could not read them
            db.read(audit.log_heads)
        return Outcome(State.WAITING, run_at=db.read(db.now) + DAILY)
    has_more, now = db.write(lambda: (PURGES[job.subject_id](), db.now()))
    return Outcome(State.WAITING, run_at=now if has_more else now + PURGE_EVERY)


def _run_doctor() -> Outcome:
    found = sum(result.total for result in doctor.run())
    run_at = db.read(db.now) + DAILY
    return Outcome(State.WAITING, run_at=run_at, facts={"problems": found})
