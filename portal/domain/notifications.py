"""Notifications of changes, in the application and by mail.

A notification commits with its change; its mail is sent at least once. Each user
can switch off each kind on each channel.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    String,
    delete,
    func,
    select,
    text,
    true,
    update,
)
from sqlalchemy.orm import Mapped, composite, mapped_column

from portal import db
from portal.domain import locks, mail_deliveries, retention, values
from portal.domain.actors import Actor
from portal.domain.identity import User

MAIL = "notice"
PAGE = 50
RETENTION = timedelta(days=365)
"""After a notification was read."""
UNREAD_COUNT_LIMIT = 100
"""Unread notifications are counted up to here; more are shown as "99+"."""


class Kind(StrEnum):
    """What happened. The values are stored; a migration adds one."""

    CONFIRMED = "customer.confirmed"
    DECLINED = "customer.declined"
    NOT_DELIVERED = "mail.refused"
    PARKED = "mail.parked"
    LINKED = "cloud.linked"
    LEFT = "cloud.left"
    ENDED = "partnership.ended"
    SUSPENDED = "account.suspended"
    RESUMED = "account.resumed"
    MOVED = "cloud.moved"
    ACCESS_GIVEN = "access.given"
    ACCESS_TAKEN = "access.taken"
    OWNER_ADDED = "owner.added"


class Channel(StrEnum):
    APP = "app"
    MAIL = "mail"


PREFERENCES = tuple((kind, channel) for kind in Kind for channel in Channel)
"""What a user can switch on and off."""


class TargetKind(StrEnum):
    """What a notification can lead to; `urls` has a page for each."""

    ACCOUNT = "account"
    CLOUD = "cloud"
    CONSOLE = "console"
    CUSTOMER = "customer"
    TEAM = "team"


@dataclass(frozen=True)
class Target:
    """The thing that a notification leads to. `id` is empty for the console, and the account's for
    a team; `account_id` is the partner's account of a customer, else None."""

    kind: TargetKind
    id: str
    account_id: str | None = None


CONSOLE = Target(TargetKind.CONSOLE, "")


class Notification(db.Base):
    """A notification of one user. `about` is the ID of the thing with which it is erased; `target`
    is what the user sees when they open it, which may be another thing."""

    __tablename__ = "notices"
    __table_args__ = (
        Index("ix_notices_newest", "user_id", "id"),
        Index(
            "ix_notices_unread",
            "user_id",
            sqlite_where=text("read_at IS NULL"),
            postgresql_where=text("read_at IS NULL"),
        ),
        Index("ix_notices_about", "about"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[Kind] = mapped_column(db.enum_column(Kind, "kind"))
    about: Mapped[str]
    target: Mapped[Target] = composite(
        mapped_column("target_kind", db.enum_column(TargetKind, "target_kind")),
        mapped_column("target_id", String),
        mapped_column("target_account_id", String, nullable=True),
    )
    facts: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Visible only to its user."""
        return true() if actor.is_system else cls.user_id == actor.id


class MutedNotification(db.Base):
    """A kind of notification that a user has switched off on a channel."""

    __tablename__ = "muted_notices"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    kind: Mapped[Kind] = mapped_column(db.enum_column(Kind, "kind"), primary_key=True)
    channel: Mapped[Channel] = mapped_column(db.enum_column(Channel, "channel"), primary_key=True)


def notify(
    kind: Kind, *, to: Iterable[str], about: str, target: Target, by: Actor, **facts: str
) -> None:
    """Notify the users with the IDs `to`, except the actor, inactive users and muted channels.

    All recipients see `facts`: pass nothing that one of them may not see. Mails quote them.
    """
    is_recipient = User.id.in_(set(to) - {by.id}), User.is_active
    users = list(db.session.scalars(select(User).where(*is_recipient).order_by(User.id)))
    ids = [user.id for user in users]
    query = select(MutedNotification.user_id, MutedNotification.channel).where(
        MutedNotification.kind == kind, MutedNotification.user_id.in_(ids)
    )
    muted = {(user_id, channel) for user_id, channel in db.session.execute(query)}
    quoted = {name: fact if name == "role" else values.quote(fact) for name, fact in facts.items()}
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
            mail_deliveries.add(
                MAIL,
                about=about,
                to=values.email(user.email).wire,
                language=user.language,
                facts={"notice": kind, "target": asdict(target), "facts": quoted},
            )
    db.session.flush()


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


def muted_by(actor: Actor) -> set[tuple[Kind, Channel]]:
    """The kinds that the actor has switched off, by channel."""
    query = select(MutedNotification.kind, MutedNotification.channel).where(
        MutedNotification.user_id == actor.id
    )
    return {(kind, channel) for kind, channel in db.session.execute(query)}


def set_preferences(enabled: set[tuple[Kind, Channel]], *, by: Actor) -> None:
    """Switch these kinds on for the actor, and all others off."""
    db.lock(User, by.id)
    db.session.execute(delete(MutedNotification).where(MutedNotification.user_id == by.id))
    for kind, channel in PREFERENCES:
        if (kind, channel) not in enabled:
            db.session.add(MutedNotification(user_id=by.id, kind=kind, channel=channel))
    db.session.flush()


def erase(about: str) -> None:
    """Delete all notifications about a thing, and their mails that are still pending. The calling
    verb records it."""
    ids = locks.select_for_update(Notification.id, Notification.about == about)
    db.session.execute(delete(Notification).where(Notification.id.in_(ids)))
    mail_deliveries.delete_pending(MAIL, about=about)


def purge_expired() -> bool:
    """Delete a batch of notifications read RETENTION ago. Return whether there may be more."""
    return retention.delete_batch(Notification, Notification.read_at < db.now() - RETENTION)
