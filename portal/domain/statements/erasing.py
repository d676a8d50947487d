"""Erasing a customer from statements: they are kept for years, then its name is taken off them."""

from __future__ import annotations

from datetime import date

from sqlalchemy import func, select, update

from portal import db
from portal.domain import billing_days, policy
from portal.domain.billing_months import next_month
from portal.domain.customers import Customer
from portal.domain.errors import Code, Refused
from portal.domain.statements.record import State, Statement, StatementLine


def kept_until(customer: Customer) -> date | None:
    """The day until which the law keeps a customer's statements; None if none is kept."""
    is_theirs = Statement.account_id == customer.subaccount_id, Statement.state == State.RELEASED
    last = db.session.scalar(select(func.max(Statement.month_on)).where(*is_theirs))
    if last is None:
        return None
    end = next_month(last)
    until = end.replace(year=end.year + policy.current().statement_years)
    return until if billing_days.today() < until else None


def erase(customer: Customer, *, with_kept: bool) -> None:
    """Take a customer's name and address off its statements, and off its partner's. The calling
    verb records it, and has locked the customer.

    Raises Refused("statements-kept") while they are kept, unless `with_kept`.
    """
    until = kept_until(customer)
    if until is not None and not with_kept:
        raise Refused(Code.STATEMENTS_KEPT, until=until)
    of_customer = customer.subaccount_id
    db.session.execute(
        update(Statement).where(Statement.account_id == of_customer).values(recipient={})
    )
    own = select(Statement.id).where(Statement.account_id == customer.partner_id)
    is_named = StatementLine.statement_id.in_(own), StatementLine.account_id == of_customer
    db.session.execute(
        update(StatementLine)
        .where(*is_named)
        .values(customer="")
        .execution_options(synchronize_session=False)
    )
