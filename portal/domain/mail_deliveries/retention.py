"""Retention of mail deliveries: what is deleted when, and what is kept for good."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, or_, select, update

from portal import db
from portal.domain import jobs
from portal.domain.jobs import Job
from portal.domain.mail_deliveries.record import (
    NOT_DELIVERED,
    OPEN_STATES,
    DeliveryState,
    MailDelivery,
    lane_of,
    lock_where,
    mentions,
)
from portal.domain.retention import BATCH

RETENTION = timedelta(days=30)
"""Of recipient, facts and the relay's words after the end of a delivery."""


def purge_expired(undecided: Select[str]) -> bool:
    """Empty a batch of deliveries that ended RETENTION ago: recipient, facts and the relay's words,
    but for its code. Keep once-only mails that were perhaps not delivered, while `undecided`
    selects what they are about: people still decide on them. Delete repeatable mails with their
    jobs after `jobs.RETENTION`.

    Returns whether there may be more.
    """
    now = db.now()
    is_old = MailDelivery.finished_at < now - RETENTION, MailDelivery.recipient != ""
    is_undelivered = MailDelivery.state.in_((DeliveryState.UNKNOWN, *NOT_DELIVERED))
    is_decided = or_(~MailDelivery.is_once, ~is_undelivered, MailDelivery.about.not_in(undecided))
    emptied = lock_where(*is_old, is_decided, limit=BATCH)
    _empty(emptied)
    is_over = ~MailDelivery.is_once, MailDelivery.finished_at < now - jobs.RETENTION
    deleted = _delete(*is_over)
    return BATCH in (len(emptied), deleted)


def erase(*about: str) -> bool:
    """Empty the deliveries about these things, and those that mention them. False, without a
    change, if one of them has not ended. The calling verb records it."""
    ids = lock_where(or_(MailDelivery.about.in_(about), *map(mentions, about)))
    is_open = MailDelivery.id.in_(ids), MailDelivery.state.in_(OPEN_STATES)
    if db.session.scalar(select(MailDelivery.id).where(*is_open).limit(1)) is not None:
        return False
    _empty(ids)
    return True


def delete_pending(ids: Collection[str]) -> None:
    """Delete repeatable mails that have not been sent, with their jobs."""
    is_pending = ~MailDelivery.is_once, MailDelivery.state == DeliveryState.PENDING
    _delete(*is_pending, MailDelivery.id.in_(ids))


def _empty(ids: Collection[str]) -> None:
    values: dict[str, Any] = {"recipient": "", "facts": {}, "answer": None}
    db.session.execute(update(MailDelivery).where(MailDelivery.id.in_(ids)).values(values))
    db.session.execute(update(Job).where(Job.key.in_(map(lane_of, ids))).values(answer=None))


def _delete(*conditions: ColumnElement[bool]) -> int:
    ids = lock_where(*conditions, limit=BATCH)
    db.session.execute(delete(MailDelivery).where(MailDelivery.id.in_(ids)))
    db.session.execute(delete(Job).where(Job.key.in_(map(lane_of, ids))))
    return len(ids)
