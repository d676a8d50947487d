"""Who hears of what happens to a customer, on the partner's side and on the customer's."""

from __future__ import annotations

from sqlalchemy import select

from portal import db
from portal.domain import access, invitations, notifications
from portal.domain.access import STAFF_ROLES, AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import WORKER, Actor
from portal.domain.customers.record import Customer, Status
from portal.domain.notifications import Kind, Target, TargetKind
from portal.domain.outbox import Delivery, OutboxEntry

KIND_BY_DELIVERY = {
    Delivery.REFUSED: Kind.NOT_DELIVERED,
    Delivery.FAILED: Kind.NOT_DELIVERED,
    Delivery.UNKNOWN: Kind.PARKED,
}


def notify_partner(kind: Kind, record: Customer, *, by: Actor, **facts: str) -> None:
    """The account manager hears of it or, where none is on the staff, all who edit customers."""
    staff = access.users_with_role(record.partner_id, STAFF_ROLES)
    notifications.notify(
        kind,
        to=staff & {record.manager_id} or staff,
        about=record.id,
        target=Target(TargetKind.CUSTOMER, record.id, record.partner_id),
        by=by,
        customer=record.name,
        **facts,
    )


def notify_customer(kind: Kind, record: Customer, *, by: Actor) -> None:
    """Everybody hears of it who holds a role on the subaccount itself."""
    notifications.notify(
        kind,
        to=access.users_with_role(record.subaccount_id, frozenset(AccountRole)),
        about=record.id,
        target=Target(TargetKind.ACCOUNT, record.subaccount_id),
        by=by,
        partner=db.session.get_one(BillingAccount, record.partner_id).name,
    )


def notify_of_delivery(entry: OutboxEntry) -> None:
    """The partner hears that an invitation's mail was refused, has failed or is parked, while the
    answer is still waited for."""
    if entry.kind != invitations.MAIL or entry.state not in KIND_BY_DELIVERY:
        return
    waits = Customer.subaccount_id == entry.about, Customer.status == Status.WAITING
    if record := db.session.scalar(select(Customer).where(*waits)):
        notify_partner(KIND_BY_DELIVERY[entry.state], record, by=WORKER)
