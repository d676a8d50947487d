"""The records of notifications: what happened, what it leads to, which kinds are switched off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, String, text, true
from sqlalchemy.orm import Mapped, composite, mapped_column

from portal import db
from portal.domain.actors import Actor


class Kind(StrEnum):
    """What happened. The values are stored; a migration adds one."""

    CONFIRMED = "customer.confirmed"
    DECLINED = "customer.declined"
    NOT_DELIVERED = "mail.refused"
    PARKED = "mail.parked"
    LINKED = "cloud.linked"
    LEFT = "cloud.left"
    ENDED = "partnership.ended"
    NOTICE_GIVEN = "partnership.notice_given"
    NOTICE_WITHDRAWN = "partnership.notice_withdrawn"
    SUSPENDED = "account.suspended"
    RESUMED = "account.resumed"
    MOVED = "cloud.moved"
    PAYS = "account.pays"
    ACCESS_GIVEN = "access.given"
    ACCESS_TAKEN = "access.taken"
    OWNER_ADDED = "owner.added"
    FINALISING = "month.finalising"
    STATEMENT = "statement.ready"
    LOT_USED = "lot.used"
    LOT_EXPIRES = "lot.expires"
    BUDGET = "budget.reached"
    LIMIT = "limit.reached"


class Channel(StrEnum):
    APP = "app"
    MAIL = "mail"


class TargetKind(StrEnum):
    """What a notification can lead to; `urls` has a page for each."""

    ACCOUNT = "account"
    CLOUD = "cloud"
    CONSOLE = "console"
    CUSTOMER = "customer"
    STATEMENT = "statement"
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
