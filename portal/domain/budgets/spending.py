"""Spending: what counts against a budget in a month, from the totals that pages of usage read."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date
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
    false,
    func,
    literal,
    or_,
    select,
    type_coerce,
)

from portal import db
from portal.domain import billing_days, billing_months
from portal.domain.accounts import BillingAccount
from portal.domain.budgets.record import Budget, BudgetMonth, Kind
from portal.domain.customers import Customer
from portal.domain.prices import MICROS_OF_ONE, PriceList, PricePublication, PriceSum
from portal.domain.totals import (
    By,
    UsageSum,
    first_day,
    last_day,
    running_cost,
    running_price,
)

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
    """A SELECT of Budget, BudgetMonth, BillingAccount and the four others, which are columns for
    its conditions: what is spent, what of it goes on, the first and the last day with usage."""

    query: Select[Any]
    spent: ColumnElement[Any]
    running: ColumnElement[Any]
    first: ColumnElement[Any]
    last: ColumnElement[Any]


def select_budgets(month_on: date, *which: ColumnElement[bool]) -> Selected:
    """The budgets of open accounts under these conditions of budgets and accounts, with what is
    spent in the month. Each sum is read once: the databases do not move it into the conditions."""
    forecast: tuple[ColumnElement[Any], ...] = (literal(0), literal(1), literal(None))
    if month_on == this_month():
        forecast = _running(month_on), first_day(month_on), last_day(month_on)
    names = "spent", "running", "first", "last"
    labelled = map(ColumnElement.label, (_spent(month_on), *forecast), names)
    sums = (
        select(Budget.account_id, Budget.kind, *labelled)
        .join(BillingAccount, BillingAccount.id == Budget.account_id)
        .where(BillingAccount.closed_at.is_(None), Budget.since_on <= month_on, *which)
        .cte("spending")
        .prefix_with("MATERIALIZED")
    )
    is_its = BudgetMonth.account_id == Budget.account_id, BudgetMonth.kind == Budget.kind
    columns = [sums.c[name] for name in names]
    query = (
        select(Budget, BudgetMonth, BillingAccount, *columns)
        .join(sums, and_(sums.c.account_id == Budget.account_id, sums.c.kind == Budget.kind))
        .join(BillingAccount, BillingAccount.id == Budget.account_id)
        .outerjoin(BudgetMonth, and_(*is_its, BudgetMonth.month_on == month_on))
    )
    return Selected(query, *columns)


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
    return spent


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


def _running(month_on: date) -> ColumnElement[int]:
    """What of it goes on day by day, in 10⁻⁶."""
    is_account = BillingAccount.parent_id.is_(None)
    is_counted = or_(Budget.kind == Kind.CUSTOMER, _is_published())
    return case(
        (is_account, running_cost(month_on)), (is_counted, running_price(month_on)), else_=0
    )


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
    budget, _month, _account, *amounts, first, last, is_complete = row[:8]
    month_on = this_month()
    spent, running = (Decimal(int(micros)).scaleb(-6) for micros in amounts)
    forecast = None
    if last:
        left, days = length_of(month_on) - int(last), max(int(last) - int(first) + 1, 1)
        forecast = spent + running * left / days
    return Spending(budget, month_on, spent, forecast, bool(is_complete))
