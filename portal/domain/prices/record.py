"""The tables of prices: rates, price lists, prices beside costs, and their totals.

All rows of a partner are changed only under the lock of its billing account. Costs are exact:
`micros`·10⁻⁶ + `rest`·10⁻¹⁵; prices, which may be 10⁴ times as large, `whole` + `millionths`·10⁻⁶.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from portal import db

BIG = BigInteger()


class Rate(db.Base):
    """A mark-up in percent on the cost of usage days from `starts_on`; a negative one is a
    discount. `subaccount_id` is empty for all customers, `service` for all services. Of rates that
    begin on one day the last counts. Rates are never changed.

    A late rate is for what has no price in the closed month `month_on`, on customers' statements
    that are drafts, and for nothing else.
    """

    __tablename__ = "rates"
    __table_args__ = (
        CheckConstraint("percent >= -100000000 AND percent <= 1000000000000", name="percent"),
    )

    partner_id: Mapped[str] = mapped_column(ForeignKey("billing_accounts.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    subaccount_id: Mapped[str] = mapped_column(default="")
    service: Mapped[str] = mapped_column(default="")
    starts_on: Mapped[date]
    month_on: Mapped[date | None]
    percent: Mapped[Decimal]
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class PriceList(db.Base):
    """A partner's prices: the number of its rates, how many of them its prices follow, and whether
    customers see prices if nothing else is said about them."""

    __tablename__ = "price_lists"
    __table_args__ = (CheckConstraint("applied >= 0 AND applied <= rates", name="applied"),)

    partner_id: Mapped[str] = mapped_column(ForeignKey("billing_accounts.id"), primary_key=True)
    rates: Mapped[int] = mapped_column(default=0)
    applied: Mapped[int] = mapped_column(default=0)
    is_published: Mapped[bool] = mapped_column(default=False)


class PricePublication(db.Base):
    """Whether a customer sees prices, if that is said about it."""

    __tablename__ = "price_publications"

    subaccount_id: Mapped[str] = mapped_column(ForeignKey("billing_accounts.id"), primary_key=True)
    is_published: Mapped[bool]


class Price(db.Base):
    """By how much a posting changed cost and price of a subaccount's usage day. `missing` changes
    by 1 when a cost gets or loses a price. `payer_id` is the partner."""

    __tablename__ = "prices"
    __table_args__ = (Index("ix_prices_cloud_id", "cloud_id", "usage_on"),)

    posting_id: Mapped[str] = mapped_column(ForeignKey("postings.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    payer_id: Mapped[str]
    account_id: Mapped[str]
    cloud_id: Mapped[str]
    service: Mapped[str]
    category: Mapped[str]
    usage_on: Mapped[date]
    month_on: Mapped[date]
    micros: Mapped[int] = mapped_column(BIG)
    rest: Mapped[int] = mapped_column(BIG)
    whole: Mapped[int] = mapped_column(BIG)
    millionths: Mapped[int] = mapped_column(BIG)
    missing: Mapped[int]


class PriceTotal(db.Base):
    """By how much a posting changed cost and price of a subaccount's cloud in a statement month, by
    service and category. `missing` counts the costs without price, by usage day."""

    __tablename__ = "price_totals"
    __table_args__ = (
        Index("ix_price_totals_account_id", "account_id", "month_on"),
        Index("ix_price_totals_payer_id", "payer_id", "cloud_id"),
    )

    posting_id: Mapped[str] = mapped_column(ForeignKey("postings.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    payer_id: Mapped[str]
    account_id: Mapped[str]
    cloud_id: Mapped[str]
    service: Mapped[str]
    category: Mapped[str]
    month_on: Mapped[date]
    micros: Mapped[int] = mapped_column(BIG)
    rest: Mapped[int] = mapped_column(BIG)
    whole: Mapped[int] = mapped_column(BIG)
    millionths: Mapped[int] = mapped_column(BIG)
    missing: Mapped[int]


class PriceSum(db.Base):
    """Cost and price of a subaccount, or of all customers of a partner, in a statement month, by
    service."""

    __tablename__ = "price_sums"

    account_id: Mapped[str] = mapped_column(primary_key=True)
    month_on: Mapped[date] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(primary_key=True)
    payer_id: Mapped[str]
    micros: Mapped[int] = mapped_column(BIG)
    rest: Mapped[int] = mapped_column(BIG)
    whole: Mapped[int] = mapped_column(BIG)
    millionths: Mapped[int] = mapped_column(BIG)
    missing: Mapped[int]
