"""The tables of the ledger: lots, postings, day sums, draws and entries of paying accounts.

All rows of an account are changed only under the lock of its billing account. Amounts named
`micros` are integers of 10⁻⁶; with a `rest` in 10⁻¹⁵ they are exact.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
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
    and_,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import billing_days

BIG = BigInteger()


class PostingKind(StrEnum):
    """Why money moved."""

    DELIVERY = "delivery"
    REMOVAL = "removal"
    ASSIGNMENT = "assignment"
    LINK = "link"
    SWITCH = "switch"
    LOT = "lot"
    PAYMENT = "payment"
    CREDIT = "credit"
    COUNTER = "counter"
    REPRICING = "repricing"
    EXPIRY = "expiry"
    ROUNDING = "rounding"


MANUAL = (PostingKind.PAYMENT, PostingKind.CREDIT, PostingKind.COUNTER)
"""The kinds that operators record by hand."""
WITHOUT_DRAWS = (*MANUAL, PostingKind.EXPIRY, PostingKind.ROUNDING)
"""The kinds whose entries come from no draws."""


class Ledger(db.Base):
    """The money of a paying account. `balance` is what the operator holds for it, negative if it
    owes; `entries` counts its entries. `version` counts what changed its days, lots, trial or
    rates. `paid_since` is None while it is in trial. `told_on` is the last month of whose closing
    its people were told, `closed_on` the last one that is closed in its books."""

    __tablename__ = "ledgers"

    account_id: Mapped[str] = mapped_column(ForeignKey("billing_accounts.id"), primary_key=True)
    balance: Mapped[Decimal] = mapped_column(default=Decimal(0))
    entries: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=0)
    paid_since: Mapped[datetime | None]
    told_on: Mapped[date | None]
    closed_on: Mapped[date | None]


class Posting(db.Base):
    """A change of the ledger; `subject` is the ID of what caused it. It is staged while `posted_at`
    is None, and ready once it has a `basis`: what it was worked out from. `open_on` is the first
    day that was in no closed month then."""

    __tablename__ = "postings"
    __table_args__ = (
        Index(
            "ix_postings_staged",
            "subject",
            sqlite_where=text("posted_at IS NULL"),
            postgresql_where=text("posted_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[PostingKind] = mapped_column(db.enum_column(PostingKind, "kind"))
    subject: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    posted_at: Mapped[datetime | None]
    open_on: Mapped[date] = mapped_column(default=date.min)
    basis: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class Lot(db.Base):
    """A grant: an amount that pays for usage days from `first_on` to `last_on`. `used` is the sum
    of its draws. The initial grant is an account's first lot."""

    __tablename__ = "lots"
    __table_args__ = (
        CheckConstraint("used >= 0 AND used <= amount", name="used"),
        CheckConstraint("last_on >= first_on", name="last_later"),
        Index("ix_lots_account_id", "account_id"),
        Index(
            "uq_lots_initial",
            "account_id",
            unique=True,
            sqlite_where=text("is_initial"),
            postgresql_where=text("is_initial"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("ledgers.account_id"))
    is_initial: Mapped[bool] = mapped_column(default=False)
    amount: Mapped[Decimal]
    used: Mapped[Decimal] = mapped_column(default=Decimal(0))
    first_on: Mapped[date]
    last_on: Mapped[date]
    granted_at: Mapped[datetime]
    granted_by: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    nearly_used_notified_at: Mapped[datetime | None]
    used_up_notified_at: Mapped[datetime | None]
    expiry_notified_at: Mapped[datetime | None]

    @property
    def remaining(self) -> Decimal:
        """What no draw has used, also after the last day."""
        return self.amount - self.used

    @property
    def left(self) -> Decimal:
        """What can still pay; 0 after the last day."""
        return Decimal(0) if billing_days.today() > self.last_on else self.remaining

    @property
    def over_on(self) -> date:
        """The first day for which it does not pay; the last day there is has no next one."""
        return self.last_on + timedelta(days=1) if self.last_on < date.max else date.max

    @property
    def expired(self) -> Decimal:
        """What nothing used until the last day, from the day after on."""
        return self.remaining - self.left


class DaySum(db.Base):
    """By how much a posting changed the exact sum of an account's usage day and kind."""

    __tablename__ = "day_sums"
    __table_args__ = (Index("ix_day_sums_account_id", "account_id", "usage_on"),)

    posting_id: Mapped[str] = mapped_column(ForeignKey("postings.id"), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("ledgers.account_id"), primary_key=True)
    usage_on: Mapped[date] = mapped_column(primary_key=True)
    is_purchase: Mapped[bool] = mapped_column(primary_key=True)
    is_waivable: Mapped[bool] = mapped_column(primary_key=True)
    micros: Mapped[int] = mapped_column(BIG)
    rest: Mapped[int] = mapped_column(BIG)


class Draw(db.Base):
    """By how much a posting changed what a bearer bears of an account's usage day: the ID of a lot,
    `personal` or `waived`."""

    __tablename__ = "draws"
    __table_args__ = (Index("ix_draws_account_id", "account_id", "usage_on"),)

    posting_id: Mapped[str] = mapped_column(ForeignKey("postings.id"), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("ledgers.account_id"), primary_key=True)
    usage_on: Mapped[date] = mapped_column(primary_key=True)
    is_purchase: Mapped[bool] = mapped_column(primary_key=True)
    is_waivable: Mapped[bool] = mapped_column(primary_key=True)
    bearer: Mapped[str] = mapped_column(primary_key=True)
    micros: Mapped[int] = mapped_column(BIG)

    @classmethod
    def closed_before(cls, day: date) -> ColumnElement[bool]:
        """The condition for draws, joined with their postings, that the closing of the months
        before this day has frozen. It freezes what was posted for its days, and before it for
        earlier ones."""
        return and_(cls.usage_on < day, Posting.open_on < day)


class Entry(db.Base):
    """A line of an account's ledger: what a posting did to a bearer, negative if it paid. `balance`
    is that of the personal account after it; only entries of `personal` change it."""

    __tablename__ = "entries"
    __table_args__ = (Index("ix_entries_posting_id", "posting_id"),)

    account_id: Mapped[str] = mapped_column(ForeignKey("ledgers.account_id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    posting_id: Mapped[str] = mapped_column(ForeignKey("postings.id"))
    bearer: Mapped[str]
    amount: Mapped[Decimal]
    balance: Mapped[Decimal]
    at: Mapped[datetime]
