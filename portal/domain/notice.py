"""Tells people what happened to what is theirs: in the application, and by mail.

A notice commits with its change. Its mail goes through the outbox at least once. Each person may
switch off each kind, in the application, by mail, or both.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, func, select, true, update
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import contact, outbox
from portal.domain.actor import Actor
from portal.domain.identity import User

MAIL = "notice"
PAGE = 50
COUNTED = 100
"""Unread notices are counted up to here; beyond it "99+" says enough."""


class Kind(StrEnum):
    CONFIRMED = "customer.confirmed"
    DECLINED = "customer.declined"
    NOT_DELIVERED = "mail.refused"
    PARKED = "mail.parked"
    ENDED = "partnership.ended"
    SUSPENDED = "account.suspended"
    RESUMED = "account.resumed"
    OWNER_ADDED = "owner.added"


class Channel(StrEnum):
    APP = "app"
    MAIL = "mail"


class Notice(db.Base):
    """What one person is told; `path` leads to the thing it is about."""

    __tablename__ = "notices"
    __table_args__ = (Index("ix_notices_user_id", "user_id", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[Kind] = mapped_column(db.choice(Kind, "kind"))
    facts: Mapped[dict[str, Any]]
    path: Mapped[str]
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        return true() if actor.is_system else cls.user_id == actor.id


class MutedNotice(db.Base):
    """A kind of notice that a person does not want on a channel."""

    __tablename__ = "muted_notices"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    kind: Mapped[Kind] = mapped_column(db.choice(Kind, "kind"), primary_key=True)
    channel: Mapped[Channel] = mapped_column(db.choice(Channel, "channel"), primary_key=True)


def tell(kind: Kind, *, to: Iterable[str], path: str, by: Actor, **facts: Any) -> None:
    """Tell these users, but not the one who did it, nor who does not want to hear of it."""
    wanted = sorted(set(to) - {by.id})
    people = db.session.scalars(select(User).where(User.id.in_(wanted), User.disabled_at.is_(None)))
    for user in people.all():
        muted = muted_by(user.id)
        ident = db.new_id("ntc")
        if (kind, Channel.APP) not in muted:
            notice = Notice(id=ident, user_id=user.id, kind=kind, facts=facts, path=path)
            notice.created_at = db.now()
            db.session.add(notice)
        if (kind, Channel.MAIL) not in muted:
            outbox.add(
                MAIL,
                about=ident,
                to=contact.email(user.email).wire,
                language=user.language,
                facts={"notice": str(kind), "path": path, "facts": facts},
            )
    db.session.flush()


def notices_for(actor: Actor, *, after: str = "") -> list[Notice]:
    """The actor's notices, newest first, one more than a page."""
    found = select(Notice).where(Notice.visible_to(actor))
    if after:
        found = found.where(Notice.id < after)
    return list(db.session.scalars(found.order_by(Notice.id.desc()).limit(PAGE + 1)))


def unread(actor: Actor) -> int:
    """How many of the actor's notices are unread, counted up to a hundred."""
    some = select(Notice.id).where(Notice.visible_to(actor), Notice.read_at.is_(None))
    counted = select(func.count()).select_from(some.limit(COUNTED).subquery())
    return db.session.execute(counted).scalar_one()


def read(*, by: Actor, notice_id: str | None = None) -> None:
    """The actor has read this notice of theirs, or all of them."""
    mine = update(Notice).where(Notice.visible_to(by), Notice.read_at.is_(None))
    if notice_id is not None:
        mine = mine.where(Notice.id == notice_id)
    db.session.execute(mine.values(read_at=db.now()))


def muted_by(user_id: str) -> set[tuple[Kind, Channel]]:
    """What this person does not want to hear of, and where."""
    found = select(MutedNotice.kind, MutedNotice.channel).where(MutedNotice.user_id == user_id)
    return {(kind, channel) for kind, channel in db.session.execute(found)}


def choose(wanted: set[tuple[Kind, Channel]], *, by: Actor) -> None:
    """From now on the actor hears of these kinds on these channels, and of no other."""
    db.lock(User, by.id)
    muted = muted_by(by.id)
    for kind in Kind:
        for channel in Channel:
            is_muted, is_wanted = (kind, channel) in muted, (kind, channel) in wanted
            if is_wanted and is_muted:
                row = db.session.get(MutedNotice, (by.id, kind, channel))
                db.session.delete(row)
            if not is_wanted and not is_muted:
                db.session.add(MutedNotice(user_id=by.id, kind=kind, channel=channel))
    db.session.flush()
