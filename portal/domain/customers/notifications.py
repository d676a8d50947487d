"""Who is notified of a customer's events: the partner's staff, the subaccount's users."""

from __future__ import annotations

from sqlalchemy import select

from portal import db
from portal.domain import access, invitations, mail_deliveries, notifications
from portal.domain.access import STAFF_ROLES, AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import WORKER, Actor
from portal.domain.customers.record import Customer, Status
from portal.domain.mail_deliveries import DeliveryState, MailDelivery
from portal.domain.notifications import Kind, Target, TargetKind

KIND_BY_DELIVERY = {
    DeliveryState.REFUSED: Kind.NOT_DELIVERED,
    DeliveryState.FAILED: Kind.NOT_DELIVERED,
    DeliveryState.NOT_ARRIVED: Kind.NOT_DELIVERED,
    DeliveryState.UNKNOWN: Kind.PARKED,
}


def notify_partner(kind: Kind, customer: Customer, *, by: Actor, **facts: str) -> None:
    """Notify the account manager or, if none is on the staff, all who may edit customers."""
    staff = access.users_with_role(customer.partner_id, STAFF_ROLES)
    notifications.notify(
        kind,
        to=staff & {customer.manager_id} or staff,
        about=customer.id,
        target=Target(TargetKind.CUSTOMER, customer.id, customer.partner_id),
        by=by,
        customer=customer.name,
        **facts,
    )


def notify_customer(kind: Kind, customer: Customer, *, by: Actor, **facts: str) -> None:
    """Notify all users with a role on the subaccount itself."""
    notifications.notify(
        kind,
        to=access.users_with_role(customer.subaccount_id, frozenset(AccountRole)),
        about=customer.id,
        target=Target(TargetKind.ACCOUNT, customer.subaccount_id),
        by=by,
        partner=db.session.get_one(BillingAccount, customer.partner_id).name,
        **facts,
    )


def notify_of_delivery(delivery: MailDelivery) -> None:
    """Notify the partner of a waiting customer if the invitation's mail did not arrive, or if its
    delivery is unknown. If the customer has answered meanwhile, an unknown one arrived."""
    if delivery.kind != invitations.MAIL or delivery.state not in KIND_BY_DELIVERY:
        return
    if delivery.state is DeliveryState.UNKNOWN and invitations.has_reply(delivery.about):
        mail_deliveries.record_arrived(delivery.id)
        return
    is_waiting = Customer.subaccount_id == delivery.about, Customer.status == Status.WAITING
    if customer := db.session.scalar(select(Customer).where(*is_waiting)):
        reason = {"reason": delivery.code} if delivery.code else {}
        notify_partner(KIND_BY_DELIVERY[delivery.state], customer, by=WORKER, **reason)
