"""Upkeep: jobs that run by the clock, each in small batches."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from portal import db, logs
from portal.domain import (
    accounts,
    audit,
    billing_days,
    charges,
    claims,
    clouds,
    connections,
    customers,
    doctor,
    drift,
    feedback,
    heartbeats,
    idempotency,
    identity,
    imports,
    invitations,
    jobs,
    memberships,
    metering,
    notifications,
    usage,
    workflows,
)
from portal.domain.actors import WORKER
from portal.domain.jobs import Job, Kind, Outcome, State
from portal.worker import budgets, statement_making

log = structlog.get_logger(__name__)

PURGES: dict[str, Callable[[], bool]] = {
    "purge-mails": invitations.purge_expired_mails,
    "purge-jobs": jobs.purge_expired,
    "purge-imports": imports.purge_expired,
    "purge-identity": identity.purge_expired,
    "purge-idempotency-keys": idempotency.purge_expired,
    "purge-feedback": feedback.purge_expired,
    "purge-notifications": notifications.purge_expired,
    "purge-usage": usage.purge_expired,
    "purge-samples": metering.purge_expired,
    "purge-charges": charges.purge_expired,
    "purge-heartbeats": heartbeats.purge_expired,
    "purge-callbacks": connections.purge_expired,
    "purge-claims": claims.purge_expired,
    "purge-memberships": memberships.purge_expired,
}
"""Units of work that delete one batch of what is past its retention, and return whether there may
be more."""
MEMBERSHIPS: dict[str, Callable[[], bool]] = {
    jobs.SETTLE: memberships.settle_due,
    "revoke-closed": memberships.settle_closed,
    "withdraw-accesses": memberships.withdraw_due,
}
BATCHES = {
    **PURGES,
    jobs.CLOSE: clouds.close_due,
    **MEMBERSHIPS,
    "notify-of-lots": accounts.notify_of_lots,
}
"""The purges, and other units of work in batches."""
BATCH_EVERY = timedelta(minutes=10)
EVERY = dict.fromkeys((*MEMBERSHIPS, jobs.MONTHS), timedelta(minutes=1))
"""People wait for these."""

DOCTOR = "doctor"
AUDIT_HEADS = "audit-heads"
DAILY = timedelta(days=1)
RECONCILE = "reconcile"
HOURLY = timedelta(hours=1)
WATCH_BUDGETS = "watch-budgets"
STEPS = {jobs.MONTHS: statement_making.advance, WATCH_BUDGETS: budgets.watch}
"""Steps that are several units of work."""
ENDINGS_EVERY = timedelta(minutes=10)
"""And when a billing day begins."""


def queue_upkeep() -> None:
    """Queue each upkeep job that is not queued."""
    names = (DOCTOR, AUDIT_HEADS, jobs.ENDINGS, RECONCILE, metering.FETCH_USAGE)
    for name in (*BATCHES, *STEPS, *names):
        jobs.add_recurring(Kind.UPKEEP, key=jobs.upkeep_lane(name), subject=("upkeep", name))


def run(job: Job) -> Outcome:
    """Run one batch of an upkeep job; it goes on at once if there may be more."""
    if job.subject_id == DOCTOR:
        return _run_doctor()
    if job.subject_id == jobs.ENDINGS:
        return _end_partnerships()
    if job.subject_id == AUDIT_HEADS:
        if logs.are_json():  # else `audit verify` could not read them
            db.read(audit.log_heads)
        return Outcome(State.WAITING, run_at=db.read(db.now) + DAILY)
    if job.subject_id == RECONCILE:
        db.write(drift.reconcile_all)
        return Outcome(State.WAITING, run_at=db.read(db.now) + HOURLY)
    if job.subject_id == metering.FETCH_USAGE:
        return _fetch_usage()
    name = job.subject_id
    if name in STEPS:
        has_more, now = STEPS[name](), db.read(db.now)
    else:
        has_more, now = db.write(lambda: (BATCHES[name](), db.now()))
    wait = timedelta() if has_more else EVERY.get(name, BATCH_EVERY)
    return Outcome(State.WAITING, run_at=now + wait)


def _run_doctor() -> Outcome:
    found = sum(result.total for result in doctor.run())
    run_at = db.read(db.now) + DAILY
    return Outcome(State.WAITING, run_at=run_at, facts={"problems": found})


def _fetch_usage() -> Outcome:
    """Order what is due, and again when the next hour begins, so that each hour has a sample."""
    facts, now = db.write(lambda: (metering.queue_due(), db.now()))
    hour_at = now.replace(minute=0, second=0, microsecond=0)
    return Outcome(State.WAITING, run_at=hour_at + HOURLY, facts=facts)


def _end_partnerships() -> Outcome:
    """End the partnerships whose day has come, each in units of work of its own."""
    for customer_id in db.read(customers.due_for_ending):
        try:
            _end_partnership(customer_id)
        except db.Unavailable:
            raise
        except Exception:  # the next one must not wait for it
            log.exception("partnership.ending_failed", customer=customer_id)
    return Outcome(State.WAITING, run_at=db.read(_next_endings_at))


def _end_partnership(customer_id: str) -> None:
    while db.write(lambda: workflows.end_partnership_on_its_day(customer_id, by=WORKER)):
        pass


def _next_endings_at() -> datetime:
    tomorrow = billing_days.start_of(billing_days.today() + timedelta(days=1))
    return min(tomorrow, db.now() + ENDINGS_EVERY)
