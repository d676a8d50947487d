"""The account manager of a customer: one of the staff, or one who was."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select

from portal import db
from portal.domain import access
from portal.domain.accounts import BillingAccount
from portal.domain.customers.record import Customer, Status
from portal.domain.identity import User


class Manager(NamedTuple):
    """Who looks after customers; who left the staff stays on the records until somebody is
    chosen instead."""

    id: str
    name: str
    is_staff: bool


def managers_of(partner: BillingAccount) -> list[Manager]:
    """The partner's staff, and whoever else stands on one of its customers' records, by name."""
    staff = access.staff_ids(partner.id)
    named = select(Customer.manager_id).where(
        Customer.partner_id == partner.id, Customer.manager_id.isnot(None)
    )
    # As a sub-select beside the staff's IDs it would have PostgreSQL read everybody there is.
    ids = staff.union(filter(None, db.session.scalars(named.distinct())))
    found = select(User.id, User.name).where(User.id.in_(ids)).order_by(User.name, User.id)
    return [Manager(ident, name, ident in staff) for ident, name in db.session.execute(found)]


def manager_of(record: Customer) -> Manager | None:
    """The manager of a customer the caller has found."""
    if record.manager_id is None:
        return None
    user = db.session.get_one(User, record.manager_id)
    return Manager(user.id, user.name, access.is_staff(user.id, record.partner_id))


def managed_by(user_id: str, partner: BillingAccount) -> int:
    """How many live customers of the partner somebody looks after."""
    found = select(func.count()).where(
        Customer.partner_id == partner.id,
        Customer.manager_id == user_id,
        Customer.status != Status.INACTIVE,
    )
    return db.session.execute(found).scalar_one()
