"""End a partnership on the day for which notice was given: move its clouds, then end it."""

from __future__ import annotations

from portal import db
from portal.domain import access, accounts, billing_days, customers, links, locks, notifications
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer
from portal.domain.identity import User
from portal.domain.notifications import Kind, Target, TargetKind

BATCH = 10
"""Clouds that one unit of work moves."""


def end_partnership_on_its_day(customer_id: str, *, by: Actor) -> bool:
    """Move a batch of the clouds in use that are still linked to the subaccount; once there are
    none, end the partnership. Return whether there is more to do.

    A cloud moves to an account of the customer, or, if none of the customer's people owns it, to
    the partner's account. Each unit of work leaves a correct state, and may run again: without a
    notice whose day has come nothing happens.
    """
    customer = db.session.get_one(Customer, customer_id)
    administrators = _lock_accounts(customer)
    ends_on = db.session.get_one(BillingAccount, customer.subaccount_id).ends_on
    if ends_on is None or ends_on > billing_days.today():
        return False
    batch = customers.clouds_in_use(customer)[:BATCH]
    locks.lock((Cloud, customer.default_cloud_id), *((Cloud, cloud_id) for cloud_id in batch))
    in_use = set(customers.clouds_in_use(customer))  # the default cloud may have got a folder
    locked = {*batch, customer.default_cloud_id}
    if moving := sorted(in_use & locked):
        _move(customer, moving, administrators, by=by)
    if in_use - locked:
        return True
    customers.lock_customer(customer)
    customers.end(customer, by=by)
    return False


def _lock_accounts(customer: Customer) -> list[str]:
    """Lock what decides on the accounts that will pay. Return the IDs of the administrators from
    the customer's side."""
    locks.lock(*((User, user_id) for user_id in customers.administrators_of(customer)))
    own = [
        account.id
        for user_id in customers.administrators_of(customer)
        for account in accounts.direct_accounts_of(user_id)
    ]
    account_ids = (customer.partner_id, customer.subaccount_id, *own)
    locks.lock(*((BillingAccount, account_id) for account_id in account_ids))
    return customers.administrators_of(customer)


def _move(
    customer: Customer, cloud_ids: list[str], administrators: list[str], *, by: Actor
) -> None:
    people = customers.people_of(customer)
    partner = db.session.get_one(BillingAccount, customer.partner_id)
    for cloud_id in cloud_ids:
        is_customers = administrators and access.cloud_owners(cloud_id) & people
        to = _customers_account(administrators, by=by) if is_customers else partner
        cloud = db.session.get_one(Cloud, cloud_id)
        links.move(cloud, by=by, to=to)
        notifications.notify(
            Kind.PAYS,
            to=access.users_with_role(to.id, frozenset({AccountRole.OWNER})),
            about=customer.id,
            target=Target(TargetKind.ACCOUNT, to.id),
            by=by,
            cloud=cloud.name,
            account=to.name,
        )


def _customers_account(administrators: list[str], *, by: Actor) -> BillingAccount:
    """The oldest direct account of the first administrator who has one; else a new one of the
    first."""
    for user_id in administrators:
        if own := accounts.direct_accounts_of(user_id):
            return own[0]
    return accounts.open_paid(db.session.get_one(User, administrators[0]), by=by)
