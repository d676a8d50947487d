"""Notify users of a change: a notification on their page, and a mail; erase both again."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select

from portal import db
from portal.domain import locks
from portal.domain.actors import Actor
from portal.domain.identity import User
from portal.domain.notifications import mails
from portal.domain.notifications.record import (
    Channel,
    Kind,
    MutedNotification,
    Notification,
    Target,
)


def notify(
    kind: Kind, *, to: Iterable[str], about: str, target: Target, by: Actor, **facts: str
) -> None:
    """Notify the users with the IDs `to`, except the actor, inactive users and muted channels.

    All recipients see `facts`: pass nothing that one of them may not see.
    """
    is_recipient = User.id.in_(set(to) - {by.id}), User.is_active
    users = list(db.session.scalars(select(User).where(*is_recipient).order_by(User.id)))
    ids = [user.id for user in users]
    query = select(MutedNotification.user_id, MutedNotification.channel).where(
        MutedNotification.kind == kind, MutedNotification.user_id.in_(ids)
    )
    muted = {(user_id, channel) for user_id, channel in db.session.execute(query)}
    for user in users:
        if (user.id, Channel.APP) not in muted:
            notification = Notification(
                id=db.new_id("ntc"),
                user_id=user.id,
                kind=kind,
                about=about,
                target=target,
                facts=facts,
                created_at=db.now(),
            )
            db.session.add(notification)
        if (user.id, Channel.MAIL) not in muted:
            mails.queue(user, kind, about=about, target=target, facts=facts, by=by)
    db.session.flush()


def erase(about: str) -> None:
    """Delete all notifications about a thing, also from mails that are still pending. The calling
    verb records it."""
    ids = locks.select_for_update(Notification.id, Notification.about == about)
    db.session.execute(delete(Notification).where(Notification.id.in_(ids)))
    mails.erase(about)
