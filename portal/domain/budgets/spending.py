"""Spending: what counts against a budget in a month, from the totals that pages of usage read."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Numeric,
    Select,
    and_,
    case,
    cast,
    exists,
    extract,
    false,
    func,
    select,
    type_coerce,
)

from portal import db
from portal.domain import billing_days, billing_months
from portal.domain.accounts import BillingAccount
from portal.domain.budgets.record import Budget, BudgetMonth, Kind
from portal.domain.customers import Customer
from portal.domain.ledger import DaySum, Posting
from portal.domain.prices import MICROS_OF_ONE, PriceList, PricePublication, PriceSum
from portal.domain.totals import By, UsageSum

AMOUNT: ColumnElement[Any] = type_coerce(
    cast(type_coerce(Budget.amount, BigInteger), Numeric), BigInteger
)
"""In 10⁻⁶; its multiples need more than 64 bits."""


class Spending(NamedTuple):
    """What counts against a budget in a month. `forecast` is for the whole month, None once it is
    over or before it has a day; `is_complete` is False if prices are missing or not published."""

    budget: Budget
    month_on: date
    spent: Decimal
    forecast: Decimal | None
    is_complete: bool

    @property
    def percent(self) -> int:
        """What is spent of the amount, rounded down."""
        return max(int(self.spent * 100 / self.budget.amount), 0)


class CustomerSpending(NamedTuple):
    """What is spent of the budget for a customer."""

    id: str
    name: str
    spending: Spending


def this_month() -> date:
    """The first day of the current month."""
    return billing_months.month_of(billing_days.today())


def length_of(month_on: date) -> int:
    """The number of the month's days."""
    return calendar.monthrange(month_on.year, month_on.month)[1]


class Selected(NamedTuple):
    """A SELECT of Budget, BudgetMonth, BillingAccount, spent and days, with the last two as columns
    for its conditions."""

    query: Select[Any]
    spent: ColumnElement[Any]
    days: ColumnElement[Any]


def select_budgets(month_on: date, *which: ColumnElement[bool]) -> Selected:
    """The budgets of open accounts under these conditions of budgets and accounts, with what is
    spent in the month. Each sum is read once: the databases do not move it into the conditions."""
    sums = (
        select(Budget.account_id, Budget.kind, _spent(month_on), _days(month_on))
        .join(BillingAccount, BillingAccount.id == Budget.account_id)
        .where(BillingAccount.closed_at.is_(None), Budget.since_on <= month_on, *which)
        .cte("spending")
        .prefix_with("MATERIALIZED")
    )
    is_its = BudgetMonth.account_id == Budget.account_id, BudgetMonth.kind == Budget.kind
    query = (
        select(Budget, BudgetMonth, BillingAccount, sums.c.spent, sums.c.days)
        .join(sums, and_(sums.c.account_id == Budget.account_id, sums.c.kind == Budget.kind))
        .join(BillingAccount, BillingAccount.id == Budget.account_id)
        .outerjoin(BudgetMonth, and_(*is_its, BudgetMonth.month_on == month_on))
    )
    return Selected(query, sums.c.spent, sums.c.days)


def _spent(month_on: date) -> ColumnElement[int]:
    """What is spent in 10⁻⁶, rounded down: an account's cost, the price of a customer's usage, or,
    for the customer, what is priced completely and published."""
    is_total = UsageSum.account_id == Budget.account_id, UsageSum.grouped_by == By.TOTAL
    cost = select(func.coalesce(func.sum(UsageSum.micros), 0)).where(
        *is_total, UsageSum.month_on == month_on
    )
    price = func.sum(PriceSum.whole) * MICROS_OF_ONE + func.sum(PriceSum.millionths)
    of_month = select(func.coalesce(price, 0)).where(*_is_price(month_on))
    spent: ColumnElement[int] = case(
        (BillingAccount.parent_id.is_(None), cost.scalar_subquery()),
        (Budget.kind == Kind.CUSTOMER, of_month.scalar_subquery()),
        (_is_published(), of_month.where(PriceSum.missing == 0).scalar_subquery()),
        else_=0,
    )
    return spent.label("spent")


def _is_price(month_on: date) -> Sequence[ColumnElement[bool]]:
    return (PriceSum.account_id == Budget.account_id, PriceSum.month_on == month_on)


def _is_published() -> ColumnElement[bool]:
    own = select(PricePublication.is_published).where(
        PricePublication.subaccount_id == Budget.account_id
    )
    partners = select(PriceList.is_published).where(
        PriceList.partner_id == BillingAccount.parent_id
    )
    return func.coalesce(own.scalar_subquery(), partners.scalar_subquery(), false())


def _days(month_on: date) -> ColumnElement[int]:
    """The days of the month so far, as pages of usage count them: up to the last one with usage of
    the account that pays, yesterday at most. NULL before it has one."""
    last = (
        select(DaySum.usage_on)
        .join(Posting, Posting.id == DaySum.posting_id)
        .where(
            DaySum.account_id == func.coalesce(BillingAccount.parent_id, BillingAccount.id),
            DaySum.usage_on.between(month_on, billing_days.today() - timedelta(days=1)),
            Posting.posted_at.is_not(None),
        )
        .order_by(DaySum.usage_on.desc())
        .limit(1)
    )
    return extract("day", last.correlate(BillingAccount).scalar_subquery()).label("days")


def spending_of(account_id: str, kind: Kind) -> Spending | None:
    """What is spent of an account's budget this month; None without a budget, or once the account
    is closed. The caller checks `may_see`."""
    found = select_budgets(this_month(), Budget.account_id == account_id, Budget.kind == kind)
    row = db.session.execute(found.query.add_columns(_is_complete())).one_or_none()
    return None if row is None else _spending(row)


def most_spent(partner: BillingAccount, *, limit: int) -> list[CustomerSpending]:
    """What is spent of the budgets for a partner's customers this month, those of which most is
    spent first. The caller checks visibility."""
    which = BillingAccount.parent_id == partner.id, Budget.kind == Kind.CUSTOMER
    found = select_budgets(this_month(), *which)
    share = cast(found.spent, Float) / cast(AMOUNT, Float)
    query = (
        found.query.add_columns(_is_complete(), Customer.id, Customer.name)
        .join(Customer, Customer.subaccount_id == Budget.account_id)
        .order_by(share.desc(), Customer.id)
        .limit(limit)
    )
    rows = db.session.execute(query).all()
    return [CustomerSpending(row[-2], row[-1], _spending(row)) for row in rows]


def _is_complete() -> ColumnElement[bool]:
    """Whether all that the budget counts has a price, and is published where the customer's own
    budget counts it."""
    misses = exists().where(*_is_price(this_month()), PriceSum.missing > 0)
    hides = and_(Budget.kind == Kind.OWN, ~_is_published())
    return case((BillingAccount.parent_id.is_(None), True), else_=~misses & ~hides)


def _spending(row: Any) -> Spending:
    budget, _month, _account, micros, days, is_complete = row[:6]
    month_on, spent = this_month(), Decimal(int(micros)).scaleb(-6)
    forecast = spent * length_of(month_on) / int(days) if days else None
    return Spending(budget, month_on, spent, forecast, bool(is_complete))
