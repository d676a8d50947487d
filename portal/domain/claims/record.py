"""The table of claims."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, false, text, true
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain.actors import Actor

LIFETIME = timedelta(days=14)
"""A claim that is not verified by then is deleted."""
IS_WAITING = "state = 'waiting'"


class ClaimState(StrEnum):
    WAITING = "waiting"
    VERIFIED = "verified"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Claim(db.Base):
    """A person says that a cloud of the connection is theirs. It is no cloud here until it is
    verified; several people may claim the same one."""

    __tablename__ = "claims"
    __table_args__ = (
        Index(
            "uq_claims_waiting",
            "user_id",
            "connection_id",
            "external_id",
            unique=True,
            sqlite_where=text(IS_WAITING),
            postgresql_where=text(IS_WAITING),
        ),
        CheckConstraint("(state = 'verified') = (cloud_id IS NOT NULL)", name="verified_cloud"),
        Index("ix_claims_user_id", "user_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    account_id: Mapped[str] = mapped_column(ForeignKey("billing_accounts.id"))
    """The account that is to pay."""
    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id"))
    external_id: Mapped[str]
    name: Mapped[str]
    state: Mapped[ClaimState] = mapped_column(db.enum_column(ClaimState, "state"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    asked_at: Mapped[datetime | None]
    """When a check was ordered last."""
    checked_at: Mapped[datetime | None]
    """When the connection was asked last whether the author owns the cloud there."""
    reason: Mapped[str | None]
    """Why an operator refused it."""
    cloud_id: Mapped[str | None] = mapped_column(ForeignKey("clouds.id"))

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Visible to their author and to operators."""
        if actor.is_system or actor.is_operator:
            return true()
        return cls.user_id == actor.id if actor.id else false()
