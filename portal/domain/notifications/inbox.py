"""The page of notifications: list, count, mark as read."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select, update

from portal import db
from portal.domain import locks, retention
from portal.domain.actors import Actor
from portal.domain.notifications.record import Notification

PAGE = 50
RETENTION = timedelta(days=365)
"""After a notification was read."""
UNREAD_COUNT_LIMIT = 100
"""Unread notifications are counted up to here; more are shown as "99+"."""


def notifications_for(actor: Actor, *, after: str = "") -> list[Notification]:
    """A page of the actor's notifications, newest first, and one more if there is a next page."""
    query = select(Notification).where(Notification.visible_to(actor))
    if after:
        query = query.where(Notification.id < after)
    return list(db.session.scalars(query.order_by(Notification.id.desc()).limit(PAGE + 1)))


def count_unread(actor: Actor) -> int:
    """How many of the actor's notifications are unread, at most UNREAD_COUNT_LIMIT."""
    unread = select(Notification.id).where(
        Notification.visible_to(actor), Notification.read_at.is_(None)
    )
    query = select(func.count()).select_from(unread.limit(UNREAD_COUNT_LIMIT).subquery())
    return db.session.execute(query).scalar_one()


def mark_read(*, by: Actor, notification_id: str | None = None) -> None:
    """Mark one of the actor's notifications as read, or all of them."""
    conditions = [Notification.visible_to(by), Notification.read_at.is_(None)]
    if notification_id is not None:
        conditions.append(Notification.id == notification_id)
    ids = locks.select_for_update(Notification.id, *conditions)
    db.session.execute(
        update(Notification).where(Notification.id.in_(ids)).values(read_at=db.now())
    )


def purge_expired() -> bool:
    """Delete a batch of notifications read RETENTION ago. Return whether there may be more."""
    return retention.delete_batch(Notification, Notification.read_at < db.now() - RETENTION)
