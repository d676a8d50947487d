"""The tables of statements and their lines, which are fixed once a statement is released."""

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
    UniqueConstraint,
    and_,
    or_,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal import db
from portal.domain import access
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor

BIG = BigInteger()


class Kind(StrEnum):
    """What an account that pays owes the operator, or what a partner asks a customer for."""

    ACCOUNT = "account"
    CUSTOMER = "customer"


class State(StrEnum):
    DRAFT = "draft"
    RELEASED = "released"


class Statement(db.Base):
    """The statement of an account for a month. The number counts up without gaps in the series of
    who issues it: `issuer_id` is the partner's account, empty for the operator.

    `issuer` and `recipient` are names and addresses at the release; `payments` says what bears the
    total, each a bearer and its printed amount. `carried` is the exact sum of its lines, and of
    earlier statements', that is paid with a later one: its usage days are in a later month.
    `missing` counts costs that have no price.
    """

    __tablename__ = "statements"
    __table_args__ = (
        UniqueConstraint("account_id", "month_on"),
        UniqueConstraint("issuer_id", "number"),
        CheckConstraint(
            "(state = 'released') = (released_at IS NOT NULL)"
            " AND (state = 'released') = (number IS NOT NULL)",
            name="released",
        ),
        Index("ix_statements_month_on", "month_on", "issuer_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[Kind] = mapped_column(db.enum_column(Kind, "kind"))
    state: Mapped[State] = mapped_column(db.enum_column(State, "state"))
    account_id: Mapped[str] = mapped_column(ForeignKey("billing_accounts.id"))
    issuer_id: Mapped[str]
    month_on: Mapped[date]
    created_at: Mapped[datetime]
    released_at: Mapped[datetime | None]
    released_by: Mapped[str] = mapped_column(default="")
    prefix: Mapped[str] = mapped_column(default="")
    number: Mapped[int | None]
    currency: Mapped[str]
    total: Mapped[Decimal] = mapped_column(default=Decimal(0))
    carried: Mapped[Decimal] = mapped_column(default=Decimal(0))
    is_last: Mapped[bool] = mapped_column(default=False)
    missing: Mapped[int] = mapped_column(default=0)
    issuer: Mapped[dict[str, Any]] = mapped_column(default=dict)
    recipient: Mapped[dict[str, Any]] = mapped_column(default=dict)
    payments: Mapped[list[list[str]]] = mapped_column(JSON, default=list)

    account: Mapped[BillingAccount] = relationship(lazy="joined", innerjoin=True, viewonly=True)

    @property
    def full_number(self) -> str:
        """The number as it is printed; empty for a draft."""
        return f"{self.prefix}{self.number}" if self.number else ""

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """A partner's staff see its customers' statements, drafts too; a customer's people their
        own released ones; who may see an account's money its released ones; operators these."""
        if actor.is_system:
            return true()
        own = access.account_ids(actor)
        paying = access.account_ids(actor, allowing=Action.ACCOUNT_SEE_MONEY)
        is_account = and_(cls.kind == Kind.ACCOUNT, cls.state == State.RELEASED)
        is_theirs = and_(cls.account_id.in_(own), cls.state == State.RELEASED)
        visible = or_(
            and_(is_account, cls.account_id.in_(paying)),
            and_(cls.kind == Kind.CUSTOMER, or_(is_theirs, cls.issuer_id.in_(own))),
        )
        return or_(visible, is_account) if actor.is_operator else visible


class StatementLine(db.Base):
    """A line: what a cloud cost by service and category, or its price on a customer's statement.
    `amount` is printed; `micros` and `rest` are what it was rounded from, which `rest` completes by
    10⁻¹⁵. It has `quantity` + `nanos`·10⁻⁹ of a unit, which is empty unless one applies to it."""

    __tablename__ = "statement_lines"

    statement_id: Mapped[str] = mapped_column(ForeignKey("statements.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    account_id: Mapped[str]
    customer: Mapped[str]
    cloud_id: Mapped[str]
    cloud: Mapped[str]
    service: Mapped[str]
    category: Mapped[str] = mapped_column(server_default="Usage")
    is_correction: Mapped[bool]
    amount: Mapped[Decimal]
    micros: Mapped[int] = mapped_column(BIG)
    rest: Mapped[int] = mapped_column(BIG)
    unit: Mapped[str] = mapped_column(server_default="")
    quantity: Mapped[int] = mapped_column(BIG, server_default="0")
    nanos: Mapped[int] = mapped_column(BIG, server_default="0")
