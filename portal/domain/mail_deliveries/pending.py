"""Mails that have not been sent: what they say may still change."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from portal import db
from portal.domain import jobs, locks
from portal.domain.jobs import Job
from portal.domain.mail_deliveries.record import (
    DeliveryState,
    MailDelivery,
    lane_of,
    lock_where,
    mentions,
)


def lock_pending(kind: str, *, mentioning: str) -> list[MailDelivery]:
    """Lock the repeatable mails of a kind that have not been sent and mention this ID."""
    is_pending = ~MailDelivery.is_once, MailDelivery.state == DeliveryState.PENDING
    ids = lock_where(MailDelivery.kind == kind, *is_pending, mentions(mentioning))
    query = select(MailDelivery).where(MailDelivery.id.in_(ids)).order_by(MailDelivery.id)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def lock_untried(delivery_id: str, *, run_by: datetime) -> MailDelivery | None:
    """Lock a repeatable mail that no worker has tried, and let it be due at `run_by` at the latest.

    None if it was tried. Never waits, so the caller may hold any other lock: who holds the job or
    the mail is about to try it or to end it.
    """
    is_waiting = Job.key == lane_of(delivery_id), Job.state == jobs.State.WAITING
    job_id = db.session.scalar(locks.select_for_update(Job.id, *is_waiting, skip_locked=True))
    is_untried = (
        MailDelivery.id == delivery_id,
        MailDelivery.state == DeliveryState.PENDING,
        MailDelivery.attempts == 0,
        ~MailDelivery.is_once,
    )
    query = locks.select_for_update(MailDelivery.id, *is_untried, skip_locked=True)
    if job_id is None or db.session.scalar(query) is None:
        return None
    is_later = Job.id == job_id, Job.run_at > run_by
    db.session.execute(update(Job).where(*is_later).values(run_at=run_by))
    return db.session.get_one(MailDelivery, delivery_id, populate_existing=True)
