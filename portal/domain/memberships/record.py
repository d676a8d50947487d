"""The tables of memberships, accesses, their secrets, and of people's identities at connections."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    UniqueConstraint,
    false,
    select,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain.access import CloudRole
from portal.domain.actors import Actor

IS_OPEN = "revoking_at IS NULL"


class Progress(StrEnum):
    """What has become of a membership or an access at the connection."""

    WAITING = "waiting"
    READY = "ready"
    """The role is carried out; the secret of the access waits to be shown."""
    IN_USE = "in-use"
    FAILED = "failed"
    ENDING = "ending"
    """To be taken away, and still works."""
    ENDED = "ended"


class Membership(db.Base):
    """A person on one cloud, from their first access to the loss of their role. A role that is
    given again gets a new membership: the connection refuses the secrets of the old one for good.

    `role` is carried out; `ordered_role` is the one of the last order.
    """

    __tablename__ = "memberships"
    __table_args__ = (
        Index(
            "uq_memberships_open",
            "cloud_id",
            "user_id",
            unique=True,
            sqlite_where=text(IS_OPEN),
            postgresql_where=text(IS_OPEN),
        ),
        Index("ix_memberships_user_id", "user_id"),
        CheckConstraint("revoked_at IS NULL OR revoking_at IS NOT NULL", name="revoked_as_agreed"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    cloud_id: Mapped[str] = mapped_column(ForeignKey("clouds.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    identity_provider: Mapped[str | None]
    identity_subject: Mapped[str | None]
    """The person's identity at the connection, as it was mapped when the membership was made."""
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime]
    """When the agreed role was compared last."""
    ordered_role: Mapped[CloudRole | None] = mapped_column(
        db.enum_column(CloudRole, "ordered_role")
    )
    role: Mapped[CloudRole | None] = mapped_column(db.enum_column(CloudRole, "role"))
    granted_at: Mapped[datetime | None]
    """When `role` was carried out."""
    revoking_at: Mapped[datetime | None]
    """When the loss of the role was agreed."""
    stops: Mapped[bool] = mapped_column(default=False)
    """Whether the revoke stops all instances of the cloud, too."""
    revoked_at: Mapped[datetime | None]
    """When it was carried out: new sign-ins are refused."""
    ends_by: Mapped[datetime | None]
    """When sign-ins that are open end."""
    fault: Mapped[str | None]
    """Why the last order can't be carried out: a code, or the cloud's words."""

    @property
    def progress(self) -> Progress:
        if self.revoked_at is not None:
            return Progress.ENDED
        if self.revoking_at is not None:
            return Progress.ENDING
        if self.fault is not None:
            return Progress.FAILED
        return Progress.IN_USE if self.role is self.ordered_role else Progress.WAITING


class Access(db.Base):
    """What a person signs in with to a cloud, by the name that they gave it."""

    __tablename__ = "accesses"
    __table_args__ = (
        CheckConstraint("ended_at IS NULL OR ending_at IS NOT NULL", name="ended_as_agreed"),
        Index("ix_accesses_membership_id", "membership_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    membership_id: Mapped[str] = mapped_column(ForeignKey("memberships.id"))
    name: Mapped[str]
    created_at: Mapped[datetime]
    until: Mapped[datetime]
    made_at: Mapped[datetime | None]
    """When the connection made it."""
    how: Mapped[str | None]
    """The form in which the person gets it, by the contract."""
    link: Mapped[str | None]
    """An access that is no secret."""
    shown_at: Mapped[datetime | None]
    ending_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    fault: Mapped[str | None]

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Visible to the person whose it is."""
        if actor.is_system:
            return true()
        own = select(Membership.id).where(Membership.user_id == actor.id)
        return cls.membership_id.in_(own) if actor.id else false()

    @property
    def progress(self) -> Progress:
        if self.ended_at is not None:
            return Progress.ENDED
        if self.ending_at is not None:
            return Progress.ENDING
        if self.fault is not None:
            return Progress.FAILED
        if self.made_at is None:
            return Progress.WAITING
        return Progress.IN_USE if self.shown_at or self.link else Progress.READY


class AccessSecret(db.Base):
    """The sealed secret of an access: first the one we chose, then the text to be shown."""

    __tablename__ = "access_secrets"

    access_id: Mapped[str] = mapped_column(ForeignKey("accesses.id"), primary_key=True)
    sealed: Mapped[str]


class CloudIdentity(db.Base):
    """A person's identity at a connection, to which an operator mapped them."""

    __tablename__ = "cloud_identities"
    __table_args__ = (UniqueConstraint("connection_id", "provider", "subject"),)

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id"), primary_key=True)
    provider: Mapped[str]
    subject: Mapped[str]


SHOW_WITHIN = timedelta(minutes=15)
"""A secret that is not shown within this time is deleted, and its access withdrawn."""
MAX_DAYS = 90
MAX_ACCESSES = 20
"""Of a person on one cloud."""
RETENTION = timedelta(days=90)
"""After the end of an access, and of a membership without accesses."""
