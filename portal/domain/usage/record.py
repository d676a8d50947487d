"""The tables of usage: sources, deliveries with their pieces and sums, keys of clouds.

A delivery takes effect in its scopes: for files the billing periods in the rows, named by their
first day as written. A scope is in force until another snapshot or a removal ends it. Only
published deliveries count; the sums of a piece, a group, a key and a scope are exact.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
    and_,
    exists,
    false,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal import db
from portal.domain.actors import Actor
from portal.domain.charges import Category
from portal.domain.clouds import Cloud
from portal.domain.usage.amounts import exact

MAX_NAME_LENGTH = 63
BIG = BigInteger()


class Mode(StrEnum):
    """What a delivery says of its scopes: all that there is, or something more."""

    OVERWRITE = "overwrite"
    APPEND = "append"


class State(StrEnum):
    UPLOADING = "uploading"
    UPLOADED = "uploaded"
    STAGING = "staging"
    STAGED = "staged"
    PUBLISHED = "published"
    REMOVED = "removed"
    REFUSED = "refused"


class PartKind(StrEnum):
    AMOUNTS = "amounts"
    EXTRAS = "extras"


def _is_operators(actor: Actor) -> ColumnElement[bool]:
    """Whether the actor is an operator or the system."""
    return true() if actor.is_system or actor.is_operator else false()


class Sums:
    """Exact sums of `rows`: `micros`·10⁻⁶ + `rest`·10⁻¹⁵."""

    rows: Mapped[int] = mapped_column(BIG, default=0)
    micros: Mapped[int] = mapped_column(BIG, default=0)
    rest: Mapped[int] = mapped_column(BIG, default=0)

    @property
    def amount(self) -> Decimal:
        return exact(self.micros, self.rest)


class UsageSource(db.Base):
    """Who measures: a connection, or the issuer of files. `mode` is that of its files, if all have
    one; `key_column` names the cloud in them. `assignments` counts the changes of its keys."""

    __tablename__ = "usage_sources"
    __table_args__ = (UniqueConstraint("name_key"), UniqueConstraint("connection_id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_key: Mapped[str]
    connection_id: Mapped[str | None] = mapped_column(ForeignKey("connections.id"))
    mode: Mapped[Mode | None] = mapped_column(db.enum_column(Mode, "mode"))
    key_column: Mapped[str | None]
    assignments: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Visible to operators only."""
        return _is_operators(actor)


class Delivery(Sums, db.Base):
    """What one or several files, taken together, say of a source. `token` and `leased_until` are
    of the process that stages it. `sha256` is that of the file; of several that of their digests.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        CheckConstraint(
            "(state IN ('published', 'removed')) = (published_at IS NOT NULL)", name="published"
        ),
        CheckConstraint("(state = 'removed') = (removed_at IS NOT NULL)", name="removed"),
        CheckConstraint(
            "(state = 'staging') = (token IS NOT NULL AND leased_until IS NOT NULL)", name="staging"
        ),
        Index(
            "uq_deliveries_staging",
            "source_id",
            unique=True,
            sqlite_where=text("state = 'staging'"),
            postgresql_where=text("state = 'staging'"),
        ),
        Index("ix_deliveries_source_id", "source_id", "sha256"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("usage_sources.id"))
    mode: Mapped[Mode] = mapped_column(db.enum_column(Mode, "mode"))
    state: Mapped[State] = mapped_column(db.enum_column(State, "state"))
    sha256: Mapped[str] = mapped_column(default="")
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]
    rows_purged_at: Mapped[datetime | None]
    """Since when its rows are no longer kept, although it is in force: only their sums are."""
    token: Mapped[str | None]
    leased_until: Mapped[datetime | None]
    bad_rows: Mapped[int] = mapped_column(BIG, default=0)
    points: Mapped[int] = mapped_column(BIG, default=0)
    """Rows without length."""
    currency: Mapped[str] = mapped_column(default="")
    time_zone: Mapped[str] = mapped_column(default="")
    """Of the usage days; both as they were when the rows were staged."""
    rounded: Mapped[str] = mapped_column(default="")
    """Columns that came as binary fractions and were rounded to 15 decimals."""
    refusal: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Why it was refused: `code` and `facts`; empty otherwise."""
    bad_listed: Mapped[list[list[Any]]] = mapped_column(JSON, default=list, deferred=True)

    source: Mapped[UsageSource] = relationship(lazy="joined", innerjoin=True)
    files: Mapped[list[DeliveryFile]] = relationship(
        order_by="DeliveryFile.number", lazy="selectin", viewonly=True
    )

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Visible to operators only."""
        return _is_operators(actor)


class DeliveryFile(db.Base):
    """A file of a delivery; `size` in bytes, as delivered."""

    __tablename__ = "delivery_files"

    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    size: Mapped[int] = mapped_column(BIG)
    sha256: Mapped[str] = mapped_column(default="")


class DeliveryUpload(db.Base):
    """A chunk of an uploaded file, until the delivery is staged."""

    __tablename__ = "delivery_uploads"

    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.id"), primary_key=True)
    file: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class DeliveryPart(db.Base):
    """Rows as delivered, as Parquet. Those of the kind `extras` hold personal data."""

    __tablename__ = "delivery_parts"

    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[PartKind] = mapped_column(db.enum_column(PartKind, "kind"), primary_key=True)
    file: Mapped[int]
    rows: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)


class DeliveryScope(Sums, db.Base):
    """What a delivery says of a scope, in force until `ended_at`."""

    __tablename__ = "delivery_scopes"
    __table_args__ = (
        CheckConstraint("ended_by IS NULL OR ended_at IS NOT NULL", name="ended"),
        Index(
            "ix_delivery_scopes_open",
            "delivery_id",
            "scope_on",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.id"), primary_key=True)
    scope_on: Mapped[date] = mapped_column(primary_key=True)
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(ForeignKey("deliveries.id"))
    """The snapshot that replaced it; None if it was removed."""


class UsageKey(db.Base):
    """What a source calls a cloud. `cloud_id` is None while nobody has said which cloud it is;
    `assigned_at` if an operator has."""

    __tablename__ = "usage_keys"
    __table_args__ = (
        UniqueConstraint("source_id", "key"),
        Index("ix_usage_keys_cloud_id", "cloud_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("usage_sources.id"))
    key: Mapped[str]
    cloud_id: Mapped[str | None] = mapped_column(ForeignKey("clouds.id"))
    assigned_at: Mapped[datetime | None]
    assigned_by: Mapped[str | None]

    source: Mapped[UsageSource] = relationship(lazy="joined", innerjoin=True)
    cloud: Mapped[Cloud | None] = relationship(lazy="joined")

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Visible to operators only."""
        return _is_operators(actor)


class DeliveryKey(Sums, db.Base):
    """The sums of a key in a scope. `before_…` are the rows *before the portal*: wholly before the
    first link of the key's cloud, and charged to nobody."""

    __tablename__ = "delivery_keys"
    __table_args__ = (Index("ix_delivery_keys_key_id", "key_id"),)

    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.id"), primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("usage_keys.id"), primary_key=True)
    scope_on: Mapped[date] = mapped_column(primary_key=True)
    first_on: Mapped[date]
    last_on: Mapped[date]
    before_rows: Mapped[int] = mapped_column(BIG)
    before_micros: Mapped[int] = mapped_column(BIG)
    before_rest: Mapped[int] = mapped_column(BIG)


class UsageGroup(Sums, db.Base):
    """The exact sum of a delivery's rows of one key, service, category, usage day and period."""

    __tablename__ = "usage_groups"

    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key_id: Mapped[str] = mapped_column(ForeignKey("usage_keys.id"))
    service: Mapped[str]
    category: Mapped[Category] = mapped_column(db.enum_column(Category, "category"))
    usage_on: Mapped[date]
    period_on: Mapped[date]
    scope_on: Mapped[date]


def is_in_force() -> ColumnElement[bool]:
    """The condition for scopes in force, joined with their deliveries."""
    return and_(DeliveryScope.ended_at.is_(None), Delivery.state == State.PUBLISHED)


def counts(row: Any) -> ColumnElement[bool]:
    """The condition for groups or sums of keys whose scope is in force."""
    return exists().where(
        DeliveryScope.delivery_id == row.delivery_id,
        DeliveryScope.scope_on == row.scope_on,
        Delivery.id == DeliveryScope.delivery_id,
        is_in_force(),
    )
