"""Setting budgets: of a partner for its customers, and of accounts for themselves."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import delete

from portal import db
from portal.domain import access, audit, locks
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.budgets.record import SUSPENDS_AT, Budget, BudgetMonth, Kind, Steps
from portal.domain.budgets.spending import spending_of, this_month
from portal.domain.customers import Customer
from portal.domain.errors import Code, Forbidden, Refused

LARGEST = Decimal(10) ** 12
STEP = Decimal("0.01")


def may_see(actor: Actor, account: BillingAccount) -> bool:
    """Whether the actor sees the account's own budget: of a subaccount the customer's people, who
    see its prices; of others who may see their cost."""
    if account.parent_id is not None:
        return actor.id in access.users_with_role(account.id, frozenset(AccountRole))
    return access.may(actor, Action.ACCOUNT_SEE_MONEY, account)


def may_set(actor: Actor, account: BillingAccount) -> bool:
    """Whether the actor may set the account's own budget: a customer's is not its partner's."""
    is_theirs = account.parent_id is None or actor.is_system or access.administers(actor, account)
    return is_theirs and access.may(actor, Action.BUDGET_SET, account)


def set_budget(account: BillingAccount, *, amount: Decimal, by: Actor) -> None:
    """Owners and admins of an account set its own budget. Another amount counts from
    this month on, and its notices come again.

    `amount` has up to two decimals. Raises Forbidden, Refused("account-closed", "budget-amount").
    """
    _lock(account)
    access.require(by, Action.BUDGET_SET, account)
    _require_theirs(account, by)
    _set(account, Kind.OWN, amount)
    audit.record(Action.BUDGET_SET, by=by, chain=account.chain, thing=account.id)


def set_for_customer(
    customer: Customer, *, amount: Decimal, by: Actor, steps: Steps | None = None
) -> None:
    """Editors of a partner's account set a budget for a customer. Only an owner chooses its steps;
    without `steps` they stay. Clouds that were stopped may be created again unless the budget still
    stops them.

    Raises as `set_budget`, and Refused("budget-percent").
    """
    subaccount = _lock(db.session.get_one(BillingAccount, customer.subaccount_id))
    access.require(by, Action.BUDGET_SET_FOR_CUSTOMER, subaccount.parent)
    budget = _set(subaccount, Kind.CUSTOMER, amount)
    if steps is not None and steps != budget.steps:
        access.require(by, Action.BUDGET_CHOOSE_STEPS, subaccount.parent)
        _check(steps)
        budget.stops_clouds, budget.suspends_at = steps
        db.session.flush()
    spending = spending_of(subaccount.id, Kind.CUSTOMER)
    if not (budget.stops_clouds and spending and spending.percent >= 100):
        subaccount.clouds_stopped_on = None
    _record(Action.BUDGET_SET_FOR_CUSTOMER, customer, by, **budget.steps._asdict())


def remove(account: BillingAccount, *, by: Actor) -> None:
    """Owners and admins of an account remove its own budget. Raises Forbidden."""
    _lock(account)
    access.require(by, Action.BUDGET_SET, account)
    _require_theirs(account, by)
    if _delete(account, Kind.OWN):
        audit.record(Action.BUDGET_REMOVE, by=by, chain=account.chain, thing=account.id)


def remove_for_customer(customer: Customer, *, by: Actor) -> None:
    """Editors of a partner's account remove the budget of a customer: clouds may be created again.
    Raises Forbidden."""
    subaccount = _lock(db.session.get_one(BillingAccount, customer.subaccount_id))
    access.require(by, Action.BUDGET_SET_FOR_CUSTOMER, subaccount.parent)
    if _delete(subaccount, Kind.CUSTOMER):
        _record(Action.BUDGET_REMOVE, customer, by)


def erase(customer: Customer) -> None:
    """Delete the budgets of a customer's subaccount. The calling verb locks it and records that."""
    subaccount = db.session.get_one(BillingAccount, customer.subaccount_id)
    for kind in Kind:
        _delete(subaccount, kind)


def _lock(account: BillingAccount) -> BillingAccount:
    locks.lock((BillingAccount, account.parent_id), (BillingAccount, account.id))
    return account


def _require_theirs(account: BillingAccount, by: Actor) -> None:
    if not may_set(by, account):
        raise Forbidden(Action.BUDGET_SET)


def _find(account: BillingAccount, kind: Kind) -> Budget | None:
    return db.session.get(Budget, (account.id, kind), populate_existing=True)


def _set(account: BillingAccount, kind: Kind, amount: Decimal) -> Budget:
    """Set the amount, of a new budget if there is none."""
    if account.closed_at is not None:
        raise Refused(Code.ACCOUNT_CLOSED)
    if not (amount.is_finite() and 0 < amount <= LARGEST) or amount != amount.quantize(STEP):
        raise Refused(Code.BUDGET_AMOUNT, field="amount")
    budget = _find(account, kind)
    if budget is None:
        budget = Budget(account_id=account.id, kind=kind, amount=amount, since_on=this_month())
        db.session.add(budget)
    elif budget.amount != amount:
        _forget_months(budget)
        budget.amount, budget.since_on = amount, this_month()
    db.session.flush()
    return budget


def _check(steps: Steps) -> None:
    is_possible = steps.stops_clouds and steps.suspends_at in SUSPENDS_AT
    if steps.suspends_at is not None and not is_possible:
        raise Refused(Code.BUDGET_PERCENT, field="suspends_at")


def _delete(account: BillingAccount, kind: Kind) -> bool:
    """Return whether there was one."""
    if (budget := _find(account, kind)) is None:
        return False
    _forget_months(budget)
    db.session.delete(budget)
    if kind is Kind.CUSTOMER:
        account.clouds_stopped_on = None
    db.session.flush()
    return True


def _forget_months(budget: Budget) -> None:
    is_its = BudgetMonth.account_id == budget.account_id, BudgetMonth.kind == budget.kind
    db.session.execute(delete(BudgetMonth).where(*is_its))


def _record(action: Action, customer: Customer, by: Actor, **facts: bool | int | None) -> None:
    about, chain = customer.id, customer.partner_id
    audit.record(action, by=by, chain=chain, thing=about, customer=about, **facts)
