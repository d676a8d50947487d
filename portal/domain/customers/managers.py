"""The account managers of customers: users who are, or were, on the partner's staff."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select

from portal import db
from portal.domain import access
from portal.domain.accounts import BillingAccount
from portal.domain.customers.record import Customer, Status
from portal.domain.identity import User


class Manager(NamedTuple):
    """An account manager. A user who leaves the staff stays the manager of their customers until
    another one is chosen."""

    id: str
    name: str
    is_staff: bool


def managers_of(partner: BillingAccount) -> list[Manager]:
    """Return the partner's staff and all others who manage one of its customers, by name."""
    staff_ids = access.staff_ids(partner.id)
    managers = select(Customer.manager_id).where(
        Customer.partner_id == partner.id, Customer.manager_id.isnot(None)
    )
    # Two queries: with a subquery beside the staff's IDs, PostgreSQL scans the whole users table.
    user_ids = staff_ids.union(filter(None, db.session.scalars(managers.distinct())))
    query = select(User.id, User.name).where(User.id.in_(user_ids)).order_by(User.name, User.id)
    return [
        Manager(id=user_id, name=name, is_staff=user_id in staff_ids)
        for user_id, name in db.session.execute(query)
    ]


def manager_of(customer: Customer) -> Manager | None:
    """Return the account manager of a customer, or None. The caller checks visibility."""
    if customer.manager_id is None:
        return None
    user = db.session.get_one(User, customer.manager_id)
    is_staff = access.is_staff(user.id, customer.partner_id)
    return Manager(id=user.id, name=user.name, is_staff=is_staff)


def count_managed_customers(user_id: str, partner: BillingAccount) -> int:
    """Return how many live customers of the partner have this user as account manager."""
    query = select(func.count()).where(
        Customer.partner_id == partner.id,
        Customer.manager_id == user_id,
        Customer.status != Status.INACTIVE,
    )
    return db.session.execute(query).scalar_one()
