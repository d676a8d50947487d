"""The tables of totals: by cloud, service, category and unit, and the sums that pages read.

`month_on` is the first day of a statement month. Costs are `micros`·10⁻⁶ + `rest`·10⁻¹⁵, quantities
`quantity` + `nanos`·10⁻⁹; rests and nanos are never negative. Rows of an account that pays, and of
its subaccounts, are changed only under the lock of the one that pays.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from portal import db

BIG = BigInteger()
NANO = 10**9
OF_MONTH = ("account_id", "grouped_by", "month_on")
IS_COST = "unit = ''"
"""Of a sum: it is none of quantities."""
IS_STOPPED = f"{IS_COST} AND micros = 0 AND rest = 0 AND change < 0"
"""Of a sum: what it cost the month before was its last cost so far."""


def _index(name: str, *columns: str, where: str = IS_COST) -> Index:
    columns = (*OF_MONTH, *columns)
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class By(StrEnum):
    """What the sums of an account are grouped by; the key of a sum is the ID or name of it."""

    TOTAL = "total"
    CUSTOMER = "customer"
    CLOUD = "cloud"
    SERVICE = "service"
    QUANTITY = "quantity"
    """By service and unit."""


class Amounts:
    """A cost and a quantity."""

    micros: Mapped[int] = mapped_column(BIG, default=0)
    rest: Mapped[int] = mapped_column(BIG, default=0)
    quantity: Mapped[int] = mapped_column(BIG, default=0)
    nanos: Mapped[int] = mapped_column(BIG, default=0)


class UsageChange(Amounts, db.Base):
    """By how much a staged posting changes a total; deleted when it is posted. A correction is for
    usage of a month that was closed before."""

    __tablename__ = "usage_changes"

    posting_id: Mapped[str] = mapped_column(ForeignKey("postings.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    account_id: Mapped[str]
    payer_id: Mapped[str]
    cloud_id: Mapped[str]
    service: Mapped[str]
    category: Mapped[str]
    unit: Mapped[str]
    month_on: Mapped[date]
    next_on: Mapped[date]
    is_correction: Mapped[bool] = mapped_column(server_default=false())


class UsageTotal(Amounts, db.Base):
    """What a cloud cost an account in a month, by service, category and unit. `payer_id` is the
    account that pays, for a subaccount its partner's."""

    __tablename__ = "usage_totals"
    __table_args__ = (
        Index(
            "ix_usage_totals_payer_id",
            *("payer_id", "month_on", "account_id", "cloud_id", "service", "category", "unit"),
        ),
    )

    account_id: Mapped[str] = mapped_column(primary_key=True)
    cloud_id: Mapped[str] = mapped_column(primary_key=True)
    month_on: Mapped[date] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(primary_key=True)
    category: Mapped[str] = mapped_column(primary_key=True)
    unit: Mapped[str] = mapped_column(primary_key=True)
    payer_id: Mapped[str]


class CorrectedTotal(Amounts, db.Base):
    """What of a total corrects months that were closed before."""

    __tablename__ = "corrected_totals"
    __table_args__ = (Index("ix_corrected_totals_payer_id", "payer_id", "month_on"),)

    account_id: Mapped[str] = mapped_column(primary_key=True)
    cloud_id: Mapped[str] = mapped_column(primary_key=True)
    month_on: Mapped[date] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(primary_key=True)
    category: Mapped[str] = mapped_column(primary_key=True)
    unit: Mapped[str] = mapped_column(primary_key=True)
    payer_id: Mapped[str]


class UsageSum(Amounts, db.Base):
    """A sum of an account's totals; those of an account that pays have its subaccounts' totals,
    too. By customer, cloud or service, `change` is by how many micros it is more than that of
    the month before; a month that follows one with a sum has one, too."""

    __tablename__ = "usage_sums"
    __table_args__ = (
        _index("ix_usage_sums_micros", "micros", "key"),
        _index("ix_usage_sums_change", "change"),
        _index("ix_usage_sums_stopped", "change", where=IS_STOPPED),
    )

    account_id: Mapped[str] = mapped_column(primary_key=True)
    grouped_by: Mapped[By] = mapped_column(db.enum_column(By, "grouped_by"), primary_key=True)
    month_on: Mapped[date] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    unit: Mapped[str] = mapped_column(primary_key=True)
    change: Mapped[int] = mapped_column(BIG, default=0)


def quantity_of(quantity: int, nanos: int) -> Decimal:
    """The quantity of both integers together."""
    return Decimal(f"{quantity * NANO + nanos}E-9")
