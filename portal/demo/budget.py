"""A budget of the demonstration's first partner: for the customer who costs most, nearly spent."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sqlalchemy import func, select

from portal import db
from portal.domain import billing_days, billing_months, budgets
from portal.domain.actors import COMMAND
from portal.domain.budgets import Steps
from portal.domain.customers import Customer, Status
from portal.domain.prices import PriceSum

SHARE = Decimal("1.15")
"""Of what was spent by yesterday."""


def set_budget() -> None:
    """Set the budget, if a customer has prices this month; it stops new clouds once it is spent."""
    month_on = billing_months.month_of(billing_days.today() - timedelta(days=1))
    spent = func.sum(PriceSum.whole)
    query = (
        select(Customer.id, spent)
        .join(PriceSum, PriceSum.account_id == Customer.subaccount_id)
        .where(Customer.status == Status.ACTIVE, PriceSum.month_on == month_on)
        .group_by(Customer.id)
        .having(spent > 0)
        .order_by(spent.desc(), Customer.id)
    )
    if (row := db.session.execute(query.limit(1)).first()) is None:
        return
    amount = Decimal(row[1]) * SHARE
    amount = Decimal(round(amount, -1) if amount > 100 else amount)
    customer = db.session.get_one(Customer, row[0])
    budgets.set_for_customer(customer, amount=amount, steps=Steps(stops_clouds=True), by=COMMAND)
