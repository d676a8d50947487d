"""The tables of clouds, folders and links.

A cloud is always linked to exactly one account. Its links form a chain: each link after the first
begins at the instant at which the previous one ended. A foreign key enforces this, so links can
neither overlap nor leave a gap.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    false,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import access
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor


class Cloud(db.Base):
    __tablename__ = "clouds"
    __table_args__ = (UniqueConstraint("connection_id", "external_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_key: Mapped[str]
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id"))
    external_id: Mapped[str | None]
    """The connection's own ID of the cloud."""
    agreed_at: Mapped[datetime | None]
    """Since when something is agreed that is not carried out."""
    asked_at: Mapped[datetime | None]
    """When a job first asked the connection to create it: it may exist there from then on."""
    asked_name: Mapped[str | None]
    """The name that it has there if the last try succeeded; None if the tries had several."""
    carried_out_at: Mapped[datetime | None]
    """When the cloud came into being at its connection."""
    carried_out_name: Mapped[str | None]
    """Its name there, where an operator or a job carries names out. None: unknown."""
    limits: Mapped[dict[str, Any]] = mapped_column(db.SortedJson, default=dict)
    """By their names in `connections.LIMITS`; None for one that was taken off."""
    asked_limits: Mapped[dict[str, Any] | None] = mapped_column(db.SortedJson)
    """Those of the last try."""
    carried_out_limits: Mapped[dict[str, Any] | None] = mapped_column(db.SortedJson, default=dict)
    """Those that it has there. None: unknown."""
    is_suspended_there: Mapped[bool | None] = mapped_column(default=False)
    """None: unknown, because a try has begun and its result is not recorded."""
    emptiness_at: Mapped[datetime | None]
    """When the connection was asked last whether nothing is in it."""
    is_empty_there: Mapped[bool | None]
    """What it said. None: it can't say it."""
    changed_there_at: Mapped[datetime | None]
    """When something was carried out last."""
    ends_by: Mapped[datetime | None]
    """When the last effect of what was suspended or closed ends."""
    left_running: Mapped[list[str]] = mapped_column(JSON, default=list)
    """What goes on there while it is suspended or closed, in the connection's words."""
    fault: Mapped[str | None]
    """Why the tasks of `fault_mark` can't be carried out: an operator's words, or for a kind that
    asks a cloud a code with `fault_facts` or the cloud's words."""
    fault_facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    fault_mark: Mapped[str | None]
    closes_at: Mapped[datetime | None] = mapped_column(index=True)
    """When it is closed, unless it is restored before."""
    closed_there_at: Mapped[datetime | None]
    emptied_at: Mapped[datetime | None]
    """When an operator had deleted what was in it."""

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Users with a role on the cloud (pending too) or on its current payer see it."""
        if actor.is_system:
            return true()
        payers = select(BillingAccount.id).where(BillingAccount.visible_to(actor))
        linked = select(Link.cloud_id).where(Link.until_at.is_(None), Link.account_id.in_(payers))
        return or_(cls.id.in_(access.cloud_ids(actor)), cls.id.in_(linked))


class Folder(db.Base):
    __tablename__ = "folders"
    __table_args__ = (
        UniqueConstraint("cloud_id", "name"),
        Index(
            "uq_folders_default",
            "cloud_id",
            unique=True,
            sqlite_where=text("is_default"),
            postgresql_where=text("is_default"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    cloud_id: Mapped[str] = mapped_column(ForeignKey("clouds.id"))
    name: Mapped[str]
    is_default: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """A folder is visible to everyone who sees its cloud."""
        if actor.is_system:
            return true()
        return cls.cloud_id.in_(select(Cloud.id).where(Cloud.visible_to(actor)))


class Link(db.Base):
    """An account pays for a cloud from `since_at` until `until_at` (None: until now)."""

    __tablename__ = "links"
    __table_args__ = (
        UniqueConstraint("cloud_id", "since_at"),
        UniqueConstraint("cloud_id", "until_at"),
        CheckConstraint("until_at IS NULL OR until_at > since_at", name="until_later"),
        CheckConstraint("continues_at IS NULL OR continues_at = since_at", name="continues"),
        ForeignKeyConstraint(["cloud_id", "continues_at"], ["links.cloud_id", "links.until_at"]),
        Index(
            "uq_links_open",
            "cloud_id",
            unique=True,
            sqlite_where=text("until_at IS NULL"),
            postgresql_where=text("until_at IS NULL"),
        ),
        Index(
            "uq_links_first",
            "cloud_id",
            unique=True,
            sqlite_where=text("continues_at IS NULL"),
            postgresql_where=text("continues_at IS NULL"),
        ),
        Index("ix_links_account_id", "account_id", "cloud_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    cloud_id: Mapped[str] = mapped_column(ForeignKey("clouds.id"))
    account_id: Mapped[str] = mapped_column(ForeignKey("billing_accounts.id"))
    since_at: Mapped[datetime]
    until_at: Mapped[datetime | None]
    continues_at: Mapped[datetime | None]
    linked_by: Mapped[str]
    is_waivable: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether no paid account has paid for the cloud until now."""
