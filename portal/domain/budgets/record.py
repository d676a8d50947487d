"""The tables of budgets, and of the notices and steps of a month.

The rows of an account are changed only under its lock.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal import db

SUSPENDS_AT = range(101, 501)
"""The percentages of a budget at which a customer can be suspended."""


class Kind(StrEnum):
    """Whose budget it is. A partner's for its customer counts the price of its subaccount. An
    account's own counts its cost; a subaccount's own the prices that the customer sees."""

    CUSTOMER = "customer"
    OWN = "own"


class Steps(NamedTuple):
    """What a partner's budget for a customer does when it is reached: at 100 % it stops new clouds
    for the rest of the month; at the percentage `suspends_at` it suspends the customer."""

    stops_clouds: bool = False
    suspends_at: int | None = None


class Budget(db.Base):
    """An amount a month, from the month `since_on` on; a partner's for its customer has steps."""

    __tablename__ = "budgets"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("kind = 'customer' OR NOT stops_clouds", name="stops_clouds"),
        CheckConstraint(
            "suspends_at IS NULL OR (stops_clouds AND suspends_at BETWEEN 101 AND 500)",
            name="suspends_at",
        ),
    )

    account_id: Mapped[str] = mapped_column(ForeignKey("billing_accounts.id"), primary_key=True)
    kind: Mapped[Kind] = mapped_column(db.enum_column(Kind, "kind"), primary_key=True)
    amount: Mapped[Decimal]
    since_on: Mapped[date]
    stops_clouds: Mapped[bool] = mapped_column(default=False)
    suspends_at: Mapped[int | None]

    @property
    def steps(self) -> Steps:
        return Steps(self.stops_clouds, self.suspends_at)


class BudgetMonth(db.Base):
    """The notices of a budget in a month: of the highest percentage, of the forecast; and the steps
    that were announced to the customer or taken."""

    __tablename__ = "budget_months"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "kind"], ["budgets.account_id", "budgets.kind"]),
    )

    account_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[Kind] = mapped_column(db.enum_column(Kind, "kind"), primary_key=True)
    month_on: Mapped[date] = mapped_column(primary_key=True)
    notified: Mapped[int] = mapped_column(default=0)
    is_forecast_notified: Mapped[bool] = mapped_column(default=False)
    is_stop_announced: Mapped[bool] = mapped_column(default=False)
    suspension_announced_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
