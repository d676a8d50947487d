"""The tables of what reconciling finds: the clouds that a connection has, and the drift."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain.actors import Actor


class DriftKind(StrEnum):
    MISSING = "missing"
    """The connection does not have the cloud any more."""
    DOUBLED = "doubled"
    """Another cloud there is marked as this one."""
    RENAMED = "renamed"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    ROLE = "role"
    """Somebody has a role there that was not given here."""
    LOST_ROLE = "lost-role"
    """Somebody has lost there the role that was carried out."""
    CHANGED_ROLE = "changed-role"
    """Somebody has another role there than the one that was carried out."""


LEFT = frozenset({DriftKind.ROLE, DriftKind.CHANGED_ROLE})
"""What an operator leaves as it is there by accepting it."""
ADOPTABLE = LEFT | {DriftKind.MISSING, DriftKind.RENAMED}
"""What an operator can accept: the cloud is closed or renamed here, the role is left to them.
A cloud is suspended exactly while its payer is, and of two clouds one is to be removed by hand."""
SUSPENSIONS = frozenset({DriftKind.SUSPENDED, DriftKind.RESUMED})
RESTORABLE = frozenset(DriftKind) - {DriftKind.DOUBLED}
"""What an operator can have restored. Of the roles of others only those of people whom the
connection made: it never touches the rest."""


class FoundCloud(db.Base):
    """A cloud as the connection listed it last. Rows of an earlier `run` are deleted at the end."""

    __tablename__ = "found_clouds"
    __table_args__ = (Index("ix_found_clouds_our_id", "our_id"),)

    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id"), primary_key=True)
    run: Mapped[str] = mapped_column(primary_key=True)
    """The ID of the order that listed it."""
    external_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    our_id: Mapped[str]
    is_suspended: Mapped[bool]
    members: Mapped[dict[str, Any] | None]
    """Roles by the IDs of memberships, those of others by their own ID. None: unknown."""


class Reconciliation(db.Base):
    """The last time that a connection was compared with the portal, and what was listed then."""

    __tablename__ = "reconciliations"

    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id"), primary_key=True)
    run: Mapped[str | None]
    """The order whose rows of found clouds are complete."""
    ended_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    """When the last try failed, if it did since."""
    fault: Mapped[str | None]
    fault_facts: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Drift(db.Base):
    """A difference between a cloud here and at its connection. `external_id` and `theirs` say what
    differs there: its name, or the ID of who has a role; `role` which one, if it was changed. An
    accepted one is not shown again."""

    __tablename__ = "drifts"
    __table_args__ = (
        UniqueConstraint("cloud_id", "kind", "external_id", "theirs", "role"),
        CheckConstraint(
            "accepted_at IS NULL OR kind IN ('role', 'changed-role')", name="accepted_role"
        ),
        Index("ix_drifts_connection_id", "connection_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id"))
    cloud_id: Mapped[str] = mapped_column(ForeignKey("clouds.id"))
    kind: Mapped[DriftKind] = mapped_column(db.enum_column(DriftKind, "kind"))
    external_id: Mapped[str]
    theirs: Mapped[str]
    role: Mapped[str] = mapped_column(default="")
    found_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Visible to operators only."""
        return true() if actor.is_system or actor.is_operator else false()
