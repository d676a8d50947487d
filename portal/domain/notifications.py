"""Tells people what happened to what is theirs: in the application, and by mail.

A notice commits with its change; its mail goes through the outbox, at least once. Each person may
switch off each kind, in the application, by mail, or both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
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
from portal.domain import locks, outbox, values
from portal.domain.actors import Actor
from portal.domain.identity import User
from portal.domain.outbox import Delivery, OutboxEntry

MAIL = "notice"
PAGE = 50
UNREAD_COUNT_LIMIT = 100
"""Unread notices are counted up to here; beyond it "99+" says enough."""


class Kind(StrEnum):
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
"""What people switch on and off."""


class TargetKind(StrEnum):
    """What a notice can lead to; `urls` has a page for each."""

    ACCOUNT = "account"
    CLOUD = "cloud"
    CONSOLE = "console"
    CUSTOMER = "customer"
    TEAM = "team"


@dataclass(frozen=True)
class Target:
    """The thing that a notice leads to. `id` is empty for the console, an account's for a team;
    `account_id` is the partner's account for a customer, and None for all others."""

    kind: TargetKind
    id: str
    account_id: str | None = None


CONSOLE = Target(TargetKind.CONSOLE, "")


class Notification(db.Base):
    """What one person is told. `about` is the ID of the thing with which it is erased; `target` is
    what this person sees when they open it, which may be another thing."""

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
        """A notice exists for the one it is told to, and for nobody else."""
        return true() if actor.is_system else cls.user_id == actor.id


class MutedNotification(db.Base):
    """A kind of notice that a person does not want on a channel."""

    __tablename__ = "muted_notices"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    kind: Mapped[Kind] = mapped_column(db.enum_column(Kind, "kind"), primary_key=True)
    channel: Mapped[Channel] = mapped_column(db.enum_column(Channel, "channel"), primary_key=True)


def notify(
    kind: Kind, *, to: Iterable[str], about: str, target: Target, by: Actor, **facts: str
) -> None:
    """Tell these users, but not the one who did it, nor who does not want to hear of it.

    `facts` are read by everyone told: nothing that one of them may not see. A mail quotes them.
    """
    wanted = User.id.in_(set(to) - {by.id}), User.disabled_at.is_(None)
    people = list(db.session.scalars(select(User).where(*wanted).order_by(User.id)))
    ids = [user.id for user in people]
    mutes = select(MutedNotification.user_id, MutedNotification.channel).where(
        MutedNotification.kind == kind, MutedNotification.user_id.in_(ids)
    )
    muted = {(user_id, channel) for user_id, channel in db.session.execute(mutes)}
    quoted = {name: fact if name == "role" else values.quote(fact) for name, fact in facts.items()}
    for user in people:
        if (user.id, Channel.APP) not in muted:
            notice = Notification(
                id=db.new_id("ntc"),
                user_id=user.id,
                kind=kind,
                about=about,
                target=target,
                facts=facts,
                created_at=db.now(),
            )
            db.session.add(notice)
        if (user.id, Channel.MAIL) not in muted:
            outbox.add(
                MAIL,
                about=about,
                to=values.email(user.email).wire,
                language=user.language,
                facts={"notice": kind, "target": asdict(target), "facts": quoted},
            )
    db.session.flush()


def notifications_for(actor: Actor, *, after: str = "") -> list[Notification]:
    """The actor's notices, newest first, one more than a page where there is another."""
    found = select(Notification).where(Notification.visible_to(actor))
    if after:
        found = found.where(Notification.id < after)
    return list(db.session.scalars(found.order_by(Notification.id.desc()).limit(PAGE + 1)))


def count_unread(actor: Actor) -> int:
    """How many of the actor's notices are unread, counted up to a hundred."""
    some = select(Notification.id).where(
        Notification.visible_to(actor), Notification.read_at.is_(None)
    )
    counted = select(func.count()).select_from(some.limit(UNREAD_COUNT_LIMIT).subquery())
    return db.session.execute(counted).scalar_one()


def mark_read(*, by: Actor, notice_id: str | None = None) -> None:
    """The actor has read this notice of theirs, or all of them."""
    mine = [Notification.visible_to(by), Notification.read_at.is_(None)]
    if notice_id is not None:
        mine.append(Notification.id == notice_id)
    rows = locks.rows(Notification.id, *mine)
    db.session.execute(
        update(Notification).where(Notification.id.in_(rows)).values(read_at=db.now())
    )


def muted_by(actor: Actor) -> set[tuple[Kind, Channel]]:
    """What the actor does not want to hear of, and where."""
    found = select(MutedNotification.kind, MutedNotification.channel).where(
        MutedNotification.user_id == actor.id
    )
    return {(kind, channel) for kind, channel in db.session.execute(found)}


def set_preferences(wanted: set[tuple[Kind, Channel]], *, by: Actor) -> None:
    """From now on the actor hears of these kinds on these channels, and of no others."""
    db.lock(User, by.id)
    db.session.execute(delete(MutedNotification).where(MutedNotification.user_id == by.id))
    for kind, channel in PREFERENCES:
        if (kind, channel) not in wanted:
            db.session.add(MutedNotification(user_id=by.id, kind=kind, channel=channel))
    db.session.flush()


def erase(about: str) -> None:
    """What is erased stays in nobody's notices or their mails; the calling verb records it."""
    notices = locks.rows(Notification.id, Notification.about == about)
    db.session.execute(delete(Notification).where(Notification.id.in_(notices)))
    waiting = OutboxEntry.state == Delivery.PENDING  # what is on its way can not be called back
    mails = locks.rows(
        OutboxEntry.id, OutboxEntry.kind == MAIL, OutboxEntry.about == about, waiting
    )
    db.session.execute(delete(OutboxEntry).where(OutboxEntry.id.in_(mails)))
