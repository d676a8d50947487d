"""Who hears of what happens to a customer, on the partner's side and on the customer's."""

from __future__ import annotations

from sqlalchemy import select

from portal import db
from portal.domain import access, invitations, notifications
from portal.domain.access import STAFF_ROLES, AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import WORKER, Actor
from portal.domain.customers.record import Customer, Status
from portal.domain.notifications import Kind
from portal.domain.outbox import Delivery, OutboxEntry

NEWS = {
    Delivery.REFUSED: Kind.NOT_DELIVERED,
    Delivery.FAILED: Kind.NOT_DELIVERED,
    Delivery.UNKNOWN: Kind.PARKED,
}


def tell_partner(kind: Kind, record: Customer, *, by: Actor, **facts: str) -> None:
    """The account manager hears of it or, where none is on the staff, all who edit customers."""
    staff = access.holders(record.partner_id, STAFF_ROLES)
    notifications.tell(
        kind,
        to=staff & {record.manager_id} or staff,
        about=record.id,
        path=f"/partner/{record.partner_id}/customers/{record.id}",
        by=by,
        customer=record.name,
        **facts,
    )


def tell_customer(kind: Kind, record: Customer, *, by: Actor) -> None:
    """Everybody hears of it who holds a role on the subaccount itself."""
    notifications.tell(
        kind,
        to=access.holders(record.subaccount_id, frozenset(AccountRole)),
        about=record.id,
        path=f"/console/billing/{record.subaccount_id}",
        by=by,
        partner=db.session.get_one(BillingAccount, record.partner_id).name,
    )


def tell_of_delivery(entry: OutboxEntry) -> None:
    """The partner hears that an invitation's mail was refused, has failed or is parked, while the
    answer is still waited for."""
    if entry.kind != invitations.MAIL or entry.state not in NEWS:
        return
    waits = Customer.subaccount_id == entry.about, Customer.status == Status.WAITING
    if record := db.session.scalar(select(Customer).where(*waits)):
        tell_partner(NEWS[entry.state], record, by=WORKER)
