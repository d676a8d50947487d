"""The table of billing accounts; an account's status."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, UniqueConstraint, or_, true
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from portal import db
from portal.domain import access, billing_days, billing_months
from portal.domain.actors import Actor
from portal.domain.ledger import Ledger, Lot
from portal.domain.notifications import Target, TargetKind


class Kind(StrEnum):
    PARTNER = "partner"
    SUBACCOUNT = "subaccount"
    DIRECT = "direct"


class Mode(StrEnum):
    TRIAL = "trial"
    PAID = "paid"


class Status(StrEnum):
    """What an account may be used for now; computed, never stored."""

    TRIAL_ACTIVE = "TRIAL_ACTIVE"
    TRIAL_EXPIRED = "TRIAL_EXPIRED"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    CLOSED = "CLOSED"


class BillingAccount(db.Base):
    """Pays for clouds. A subaccount has a parent: the partner's account, which pays."""

    __tablename__ = "billing_accounts"
    __table_args__ = (
        CheckConstraint("(kind = 'subaccount') = (parent_id IS NOT NULL)", name="subaccount"),
        CheckConstraint("kind <> 'subaccount' OR mode = 'paid'", name="subaccount_is_paid"),
        CheckConstraint("parent_id IS NULL OR parent_id <> id", name="not_its_own_parent"),
        CheckConstraint(
            "kind = 'subaccount' OR (confirmed_at IS NULL AND suspended_at IS NULL)",
            name="confirmed_subaccount",
        ),
        CheckConstraint(
            "ends_on IS NULL OR (confirmed_at IS NOT NULL AND closed_at IS NULL)", name="ends_on"
        ),
        UniqueConstraint("id", "parent_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[Kind] = mapped_column(db.enum_column(Kind, "kind"))
    mode: Mapped[Mode] = mapped_column(db.enum_column(Mode, "mode"))
    name: Mapped[str]
    name_key: Mapped[str]
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("billing_accounts.id"), index=True)
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    ends_on: Mapped[date | None]
    """The billing day for which the partner has given notice to this subaccount's customer."""
    clouds_stopped_on: Mapped[date | None]
    """The month in which the partner's budget stops new clouds in this subaccount."""

    parent: Mapped[BillingAccount | None] = relationship(remote_side=[id])
    lots: Mapped[list[Lot]] = relationship(
        primaryjoin=lambda: BillingAccount.id == foreign(Lot.account_id),
        order_by=lambda: (Lot.granted_at, Lot.id),
        viewonly=True,
    )
    ledger: Mapped[Ledger | None] = relationship(
        primaryjoin=lambda: BillingAccount.id == foreign(Ledger.account_id),
        uselist=False,
        viewonly=True,
    )

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        if actor.is_system:
            return true()
        account_ids = access.account_ids(actor)
        return or_(cls.id.in_(account_ids), cls.parent_id.in_(account_ids))

    @classmethod
    def lock_order(cls) -> tuple[ColumnElement[bool]]:
        """Partners before subaccounts."""
        return (cls.parent_id.is_not(None),)

    @property
    def chain(self) -> str:
        """The audit chain of its changes; a subaccount's changes are in its partner's chain."""
        return self.parent_id or self.id

    @property
    def people_target(self) -> Target:
        """Where a notification of a role on it leads: the partner's team, or the account."""
        return Target(TargetKind.TEAM if self.kind is Kind.PARTNER else TargetKind.ACCOUNT, self.id)

    @property
    def no_clouds_until(self) -> date | None:
        """The day before which no cloud is created in it or linked to it; None if it may be."""
        month_on = billing_months.month_of(billing_days.today())
        is_stopped = self.clouds_stopped_on == month_on
        return billing_months.next_month(month_on) if is_stopped else None

    @property
    def is_overdrawn(self) -> bool:
        """Whether its own balance is negative: no cloud is created in it or linked to it. That of a
        subaccount is always zero."""
        return self.parent_id is None and self.ledger is not None and self.ledger.balance < 0

    @property
    def grant(self) -> Lot | None:
        """The initial grant."""
        return next((lot for lot in self.lots if lot.is_initial), None)

    @property
    def status(self) -> Status:
        """The account's status now."""
        if self.closed_at is not None:
            return Status.CLOSED
        if self.suspended_at is not None:
            return Status.SUSPENDED
        if self.mode is Mode.PAID:
            return Status.ACTIVE
        if not self.lots or any(lot.left > 0 for lot in self.lots):
            return Status.TRIAL_ACTIVE
        return Status.TRIAL_EXPIRED
