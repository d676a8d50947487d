"""Watching budgets: upkeep notifies once of each step, stops new clouds, and suspends customers.

A customer is suspended a day after the announcement at the earliest, however fast its usage grows.
Steps are taken only in their own month. Usage may be late, so notices are also about the month
before.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    ColumnElement,
    and_,
    case,
    delete,
    false,
    func,
    or_,
    select,
    type_coerce,
)

from portal import db
from portal.domain import (
    access,
    audit,
    billing_days,
    billing_months,
    customers,
    locks,
    notifications,
)
from portal.domain.access import ACCOUNT_TABLE
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import WORKER
from portal.domain.budgets.record import Budget, BudgetMonth, Kind
from portal.domain.budgets.spending import (
    AMOUNT,
    days_in,
    length_of,
    select_budgets,
    spent_in,
    this_month,
)
from portal.domain.customers import Customer, Status
from portal.domain.notifications import Target, TargetKind

BATCH = 50
LEVELS = (50, 80, 100)
"""The percentages of a budget at which there is a notice."""
FORECAST, SUSPENDED = "forecast", "suspended"
GRACE = timedelta(hours=24)
"""Between the announcement of a suspension and the suspension."""
RECIPIENTS = ACCOUNT_TABLE[Action.ACCOUNT_SEE_MONEY]


class News(NamedTuple):
    """What is due about a budget: the level it reached, and whether to notify of that, or of the
    forecast; to announce that new clouds are stopped, to stop them, to announce a suspension."""

    budget: Budget
    month: BudgetMonth | None
    account: BillingAccount
    level: int
    is_level: bool
    is_forecast: bool
    is_near: bool
    is_stop: bool
    is_suspension: bool


def advance() -> bool:
    """Do what is due about a batch of budgets, or else suspend one customer. Return whether there
    may be more."""
    months = this_month(), billing_months.month_of(this_month() - timedelta(days=1))
    return any(_advance_some(month_on) for month_on in months) or _suspend_next()


def _advance_some(month_on: date) -> bool:
    columns = _due_columns(month_on)
    query = select_budgets(month_on, *columns).where(or_(*columns[1:]))
    due = db.session.execute(query.order_by(Budget.account_id, Budget.kind).limit(BATCH)).all()
    locks.lock(
        *(
            (BillingAccount, account_id)
            for row in due
            for account_id in (row[2].parent_id, row[2].id)
        )
    )
    for row in due:
        is_it = Budget.account_id == row[0].account_id, Budget.kind == row[0].kind
        again = query.where(*is_it).execution_options(populate_existing=True)
        if found := db.session.execute(again).one_or_none():
            _do(News(*found), month_on)
    return bool(due)


def _due_columns(month_on: date) -> list[ColumnElement[Any]]:
    """The columns of `News` after the account. For a past month, only of levels."""
    spent, notified = spent_in(month_on), func.coalesce(BudgetMonth.notified, 0)
    level = case(*((_reaches(spent, it), it) for it in reversed(LEVELS)), else_=0)
    if month_on != this_month():
        return [level, level > notified, *[false()] * 4]
    forecast = and_(
        ~_is(BudgetMonth.is_forecast_notified),
        ~_reaches(spent, 100),
        spent > 0,
        spent * length_of(month_on) > AMOUNT * days_in(month_on),
    )
    near = and_(_reaches(spent, 80), ~_reaches(spent, 100), ~_is(BudgetMonth.is_stop_announced))
    is_stopped = func.coalesce(BillingAccount.clouds_stopped_on == month_on, false())
    return [
        level,
        level > notified,
        func.coalesce(forecast, false()),
        and_(Budget.stops_clouds, near),
        and_(Budget.stops_clouds, _reaches(spent, 100), ~is_stopped),
        and_(
            Budget.suspends_at.is_not(None),
            _reaches(spent, 100),
            BudgetMonth.suspension_announced_at.is_(None),
        ),
    ]


def _reaches(spent: ColumnElement[int], percent: Any) -> ColumnElement[bool]:
    return type_coerce(spent * 100 >= AMOUNT * percent, Boolean)


def _is(flag: Any) -> ColumnElement[bool]:
    return func.coalesce(flag, false())


def _do(news: News, month_on: date) -> None:
    """Do what is due, under the lock of the account. Of several steps, notify only of the highest;
    the forecast is above 80 %."""
    month = news.month or _begin_month(news.budget, month_on)
    if news.is_forecast or news.is_level:
        step = FORECAST if news.is_forecast else str(news.level)
        _notify(news.budget, step, month_on)
        month.notified = max(month.notified, news.level)
        month.is_forecast_notified = month.is_forecast_notified or news.is_forecast
    if news.is_stop:
        news.account.clouds_stopped_on = month_on
        _record(Action.BUDGET_STOP_CLOUDS, customer_of(news.account), month_on)
    if news.is_near:
        month.is_stop_announced = True
    if news.is_suspension:
        month.suspension_announced_at = db.now()
    if news.is_near or news.is_stop or news.is_suspension:
        _announce(news, month_on)
    db.session.flush()


def _begin_month(budget: Budget, month_on: date) -> BudgetMonth:
    """Add the row of a month, and delete those before the month before."""
    key = {"account_id": budget.account_id, "kind": budget.kind}
    month = BudgetMonth(**key, month_on=month_on, notified=0, is_forecast_notified=False)
    last = billing_months.month_of(this_month() - timedelta(days=1))
    is_its = BudgetMonth.account_id == budget.account_id, BudgetMonth.kind == budget.kind
    db.session.execute(delete(BudgetMonth).where(*is_its, BudgetMonth.month_on < last))
    db.session.add(month)
    return month


def _notify(budget: Budget, step: str, month_on: date) -> None:
    """Notify those who may see the budget: of a customer's the partner's people who work with it,
    of an account's own who see its money."""
    facts = {"step": step, "month": month_on.isoformat(), "amount": str(budget.amount)}
    account = db.session.get_one(BillingAccount, budget.account_id)
    if budget.kind is Kind.CUSTOMER:
        kind = notifications.Kind.BUDGET
        customers.notify_partner(kind, customer_of(account), by=WORKER, **facts)
        return
    notifications.notify(
        notifications.Kind.BUDGET,
        to=access.users_with_role(account.id, RECIPIENTS),
        about=account.id,
        target=Target(TargetKind.ACCOUNT, account.id),
        by=WORKER,
        account=account.name,
        **facts,
    )


def _announce(news: News, month_on: date) -> None:
    """Announce the next step to the customer, without an amount: it never sees the budget."""
    step = "suspends" if news.is_suspension else "stopped" if news.is_stop else "near"
    facts = {"step": step, "until": billing_months.next_month(month_on).isoformat()}
    if news.is_suspension:
        facts["day"] = billing_days.day_of(db.now() + GRACE).isoformat()
    kind, customer = notifications.Kind.LIMIT, customer_of(news.account)
    customers.notify_customer(kind, customer, by=WORKER, **facts)


def _suspend_next() -> bool:
    """Suspend the next customer whose budget says so; one that is not active stays as it is. Return
    whether there was one."""
    month_on = this_month()
    due = (
        select_budgets(month_on)
        .where(
            BudgetMonth.suspended_at.is_(None),
            BudgetMonth.suspension_announced_at <= db.now() - GRACE,
            _reaches(spent_in(month_on), Budget.suspends_at),
        )
        .order_by(Budget.account_id)
        .limit(1)
    )
    if (first := db.session.execute(due).one_or_none()) is None:
        return False
    account: BillingAccount = first[2]
    locks.lock((BillingAccount, account.parent_id), (BillingAccount, account.id))
    is_it = Budget.account_id == account.id
    again = db.session.execute(
        due.where(is_it).execution_options(populate_existing=True)
    ).one_or_none()
    if again is None:
        return True
    again[1].suspended_at = db.now()
    customer = customer_of(account)
    if customer.status is Status.ACTIVE:
        customers.suspend(customer, by=WORKER)
        _record(Action.BUDGET_SUSPEND, customer, month_on)
        _notify(again[0], SUSPENDED, month_on)
    db.session.flush()
    return True


def customer_of(subaccount: BillingAccount) -> Customer:
    """The customer of a subaccount."""
    query = select(Customer).where(Customer.subaccount_id == subaccount.id)
    return db.session.scalars(query).one()


def _record(action: Action, customer: Customer, month_on: date) -> None:
    about, month = customer.id, month_on.isoformat()
    chain = customer.partner_id
    audit.record(action, by=WORKER, chain=chain, thing=about, customer=about, month=month)
