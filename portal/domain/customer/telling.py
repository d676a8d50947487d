"""Who hears of what happens to a customer, on the partner's side and on the customer's."""

from __future__ import annotations

from sqlalchemy import select

from portal import db
from portal.domain import access, invitation, notice
from portal.domain.access import STAFF_ROLES, AccountRole
from portal.domain.account import BillingAccount
from portal.domain.actor import WORKER, Actor
from portal.domain.customer.record import Customer
from portal.domain.notice import Kind
from portal.domain.outbox import Delivery, OutboxEntry

DELIVERY_NEWS = {
    Delivery.REFUSED: Kind.NOT_DELIVERED,
    Delivery.FAILED: Kind.NOT_DELIVERED,
    Delivery.UNKNOWN: Kind.PARKED,
}


def tell_partner(kind: Kind, record: Customer, *, by: Actor) -> None:
    """The account manager hears of it, or where there is none all who may edit customers."""
    staff = access.holders(record.partner_id, STAFF_ROLES)
    people = {ident for ident in staff if ident == record.manager_id} or staff
    path = f"/partner/{record.partner_id}/customers/{record.id}"
    notice.tell(kind, to=people, path=path, by=by, customer=record.name)


def tell_customer(kind: Kind, record: Customer, *, by: Actor) -> None:
    """Everybody hears of it who holds a role on the subaccount itself."""
    people = access.holders(record.subaccount_id, frozenset(AccountRole))
    partner = db.session.get_one(BillingAccount, record.partner_id)
    path = f"/console/billing/{record.subaccount_id}"
    notice.tell(kind, to=people, path=path, by=by, partner=partner.name)


def tell_of_delivery(entry: OutboxEntry) -> None:
    """The partner hears that an invitation's mail was refused, failed or is parked."""
    if entry.kind != invitation.MAIL or entry.state not in DELIVERY_NEWS:
        return
    found = select(Customer).where(Customer.subaccount_id == entry.about)
    tell_partner(DELIVERY_NEWS[entry.state], db.session.scalars(found).one(), by=WORKER)
