"""Watching budgets: upkeep notifies once of each step, stops new clouds, and suspends customers.

A customer is suspended a day after the announcement at the earliest, however fast its usage grows.
Steps are taken only in their own month. Usage may be late, so notices are also about the month
before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Select,
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
    Selected,
    length_of,
    select_budgets,
    this_month,
)
from portal.domain.customers import Customer, Status
from portal.domain.notifications import Target, TargetKind

LIMIT = 1000
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


class Key(NamedTuple):
    """A budget in a month."""

    account_id: str
    kind: Kind
    month_on: date


def find_due() -> list[Key]:
    """Find what is due about budgets: up to LIMIT of each month. Many budgets take seconds, so that
    it is done in a reading transaction."""
    months = this_month(), billing_months.month_of(this_month() - timedelta(days=1))
    due = [(month_on, _select_news(month_on).limit(LIMIT)) for month_on in months]
    return [
        Key(row[0].account_id, row[0].kind, month_on)
        for month_on, query in due
        for row in db.session.execute(query)
    ]


def advance(keys: Sequence[Key]) -> None:
    """Do what is still due about some budgets, each at most once."""
    query = select(BillingAccount.id, BillingAccount.parent_id)
    rows = db.session.execute(query.where(BillingAccount.id.in_({key.account_id for key in keys})))
    locks.lock(*((BillingAccount, account_id) for row in rows for account_id in row))
    for key in keys:
        which = Budget.account_id == key.account_id, Budget.kind == key.kind
        row = db.session.execute(_fresh(_select_news(key.month_on, *which))).one_or_none()
        if row is not None:
            _do(News(*row[:3], *row[7:]), key.month_on)


def find_suspensions() -> list[str]:
    """Find up to LIMIT subaccounts whose customer is to be suspended now."""
    rows = db.session.execute(_select_suspensions().limit(LIMIT))
    return [row[0].account_id for row in rows]


def suspend_due(account_id: str) -> None:
    """Suspend the customer of a subaccount if that is still due. One that is not active stays as it
    is, and is not suspended by the budget in this month."""
    account = db.session.get_one(BillingAccount, account_id)
    locks.lock((BillingAccount, account.parent_id), (BillingAccount, account_id))
    query = _select_suspensions(Budget.account_id == account_id)
    row = db.session.execute(_fresh(query)).one_or_none()
    if row is None:
        return
    budget, month = row[:2]
    month.suspended_at = db.now()
    customer = customer_of(account)
    if customer.status is Status.ACTIVE:
        customers.suspend(customer, by=WORKER)
        _record(Action.BUDGET_SUSPEND, customer, month.month_on)
        _notify(budget, SUSPENDED, month.month_on)
    db.session.flush()


def _fresh(query: Select[Any]) -> Select[Any]:
    return query.execution_options(populate_existing=True)


def _select_suspensions(*which: ColumnElement[bool]) -> Select[Any]:
    found = select_budgets(this_month(), Budget.suspends_at.is_not(None), *which)
    return found.query.where(
        BudgetMonth.suspended_at.is_(None),
        BudgetMonth.suspension_announced_at <= db.now() - GRACE,
        _reaches(found.spent, Budget.suspends_at),
    ).order_by(Budget.account_id)


def _select_news(month_on: date, *which: ColumnElement[bool]) -> Select[Any]:
    """Budgets about which something is due, with the columns of `News` after the account and the
    columns of `Selected`. For a past month, only levels are due."""
    found = select_budgets(month_on, *which)
    spent = found.spent
    level = case(*((_reaches(spent, it), it) for it in reversed(LEVELS)), else_=0)
    flags = [level > func.coalesce(BudgetMonth.notified, 0)]
    is_current = month_on == this_month()
    flags += _steps_due(found) if is_current else [false()] * 4
    return found.query.add_columns(level, *flags).where(or_(*flags)).order_by(Budget.account_id)


def _steps_due(found: Selected) -> list[ColumnElement[bool]]:
    """The last columns of `News`."""
    month_on, spent, is_reached = this_month(), found.spent, _reaches(found.spent, 100)
    days, left = found.last - found.first + 1, length_of(month_on) - found.last
    forecast = and_(
        ~_is(BudgetMonth.is_forecast_notified),
        ~is_reached,
        spent > 0,
        spent * days + found.running * left > AMOUNT * days,
    )
    near = and_(_reaches(spent, 80), ~is_reached, ~_is(BudgetMonth.is_stop_announced))
    is_stopped = _is(BillingAccount.clouds_stopped_on == month_on)
    is_new = BudgetMonth.suspension_announced_at.is_(None)
    is_running = BillingAccount.suspended_at.is_(None)
    return [
        _is(forecast),
        and_(Budget.stops_clouds, near),
        and_(Budget.stops_clouds, is_reached, ~is_stopped),
        and_(Budget.suspends_at.is_not(None), is_reached, is_new, is_running),
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


def customer_of(subaccount: BillingAccount) -> Customer:
    """The customer of a subaccount."""
    query = select(Customer).where(Customer.subaccount_id == subaccount.id)
    return db.session.scalars(query).one()


def _record(action: Action, customer: Customer, month_on: date) -> None:
    about, month = customer.id, month_on.isoformat()
    chain = customer.partner_id
    audit.record(action, by=WORKER, chain=chain, thing=about, customer=about, month=month)
