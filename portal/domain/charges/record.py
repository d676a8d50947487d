"""The tables of charges: what clouds cost accounts, and rows that reach into the future."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from portal import db

BIG = BigInteger()


class Category(StrEnum):
    USAGE = "Usage"
    PURCHASE = "Purchase"
    TAX = "Tax"
    CREDIT = "Credit"
    ADJUSTMENT = "Adjustment"


PURCHASES = (Category.PURCHASE, Category.TAX)
"""The categories that lots do not pay for."""


class Charge(db.Base):
    """By how much a posting changed what a cloud cost an account, exactly: `micros`·10⁻⁶ +
    `rest`·10⁻¹⁵. `month_on` is the first day of its statement month; `payer_id` is the account that
    pays, for a subaccount its partner's.

    Only postings are referred to: each further foreign key takes as long as the rows themselves.
    """

    __tablename__ = "charges"

    posting_id: Mapped[str] = mapped_column(ForeignKey("postings.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source_id: Mapped[str]
    scope_on: Mapped[date]
    account_id: Mapped[str]
    payer_id: Mapped[str]
    cloud_id: Mapped[str]
    service: Mapped[str]
    category: Mapped[Category] = mapped_column(db.enum_column(Category, "category"))
    usage_on: Mapped[date]
    month_on: Mapped[date]
    is_purchase: Mapped[bool]
    is_waivable: Mapped[bool]
    micros: Mapped[int] = mapped_column(BIG)
    rest: Mapped[int] = mapped_column(BIG)


class ChargeSum(db.Base):
    """By how much a posting changed what a cloud cost an account in a statement month, by service
    and category. A correction is for usage of a month that was closed before it was charged."""

    __tablename__ = "charge_sums"
    __table_args__ = (Index("ix_charge_sums_month_on", "month_on", "payer_id"),)

    posting_id: Mapped[str] = mapped_column(ForeignKey("postings.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    month_on: Mapped[date]
    payer_id: Mapped[str]
    account_id: Mapped[str]
    cloud_id: Mapped[str]
    service: Mapped[str]
    category: Mapped[Category] = mapped_column(db.enum_column(Category, "category"))
    is_correction: Mapped[bool]
    micros: Mapped[int] = mapped_column(BIG)
    rest: Mapped[int] = mapped_column(BIG)


class FutureRow(db.Base):
    """A row in force that ended after its publishing: a link may still change who bears it. From
    `start_us` to `end_us` in microseconds since 1970."""

    __tablename__ = "future_rows"
    __table_args__ = (Index("ix_future_rows_cloud_id", "cloud_id", "end_us"),)

    posting_id: Mapped[str] = mapped_column(ForeignKey("postings.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    delivery_id: Mapped[str]
    source_id: Mapped[str]
    key_id: Mapped[str]
    scope_on: Mapped[date]
    cloud_id: Mapped[str]
    service: Mapped[str]
    category: Mapped[Category] = mapped_column(db.enum_column(Category, "category"))
    usage_on: Mapped[date]
    month_on: Mapped[date]
    start_us: Mapped[int] = mapped_column(BIG)
    end_us: Mapped[int] = mapped_column(BIG)
    micros: Mapped[int] = mapped_column(BIG)
    rest: Mapped[int] = mapped_column(BIG)
    unit: Mapped[str] = mapped_column(server_default="")
    quantity: Mapped[int] = mapped_column(BIG, server_default="0")
    nanos: Mapped[int] = mapped_column(BIG, server_default="0")
