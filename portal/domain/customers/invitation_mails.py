"""Mails of invitations: queue, send again, record an operator's word on whether one arrived."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import func, select

from portal import db
from portal.domain import access, audit, identity, invitations, mail_deliveries, values
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.customers.notifications import notify_of_delivery
from portal.domain.customers.record import Customer, Status, lock_customer
from portal.domain.errors import Code, Refused
from portal.domain.invitations import Invitation
from portal.domain.mail_deliveries import MailDelivery

MAX_DELIVERIES = 3
"""Of one invitation, in all."""
RESEND_WAIT = timedelta(hours=1)
"""From one delivery of an invitation to the next."""


class NotArrivedReason(StrEnum):
    """How an operator knows that a mail did not arrive. The values are stored."""

    RELAY_LOG = "relay-log"
    RELAY_LOST = "relay-lost"
    RECIPIENT = "recipient"


def queue_mail(customer: Customer, *, language: str) -> MailDelivery:
    """Queue the mail of the customer's invitation, with the facts as they are now. The calling verb
    records it."""
    partner = db.session.get_one(BillingAccount, customer.partner_id)
    invitation = db.session.get_one(Invitation, customer.subaccount_id)
    return mail_deliveries.add(
        invitations.MAIL,
        about=customer.subaccount_id,
        to=values.email(invitation.email).wire,
        language=language,
        facts={
            "partner": partner.name,
            "email": invitation.email,
            "subaccount": customer.subaccount_id,
            "cloud": customer.default_cloud_id,
        },
        once=True,
    )


def send_again(customer: Customer, *, by: Actor) -> None:
    """Editors of the partner's account send a waiting customer's invitation again, by a new
    delivery, once every earlier one certainly did not arrive: MAX_DELIVERIES in all, RESEND_WAIT
    apart.

    It does not count against the invitation quota: each invitation still arrives at most once, and
    after a failure of the relay a partner has a day's invitations to send again. Raises Forbidden;
    Refused as `resend_refusal`.
    """
    partner = lock_customer(customer)
    access.require(by, Action.INVITATION_SEND_AGAIN, partner)
    deliveries = invitations.deliveries_of(customer.subaccount_id)
    if refusal := resend_refusal(customer, deliveries):
        raise refusal
    delivery = queue_mail(customer, language=deliveries[-1].language)
    audit.record(
        Action.INVITATION_SEND_AGAIN,
        by=by,
        chain=partner.id,
        thing=customer.subaccount_id,
        customer=customer.id,
        delivery=delivery.id,
    )


def resend_refusal(customer: Customer, deliveries: Sequence[MailDelivery]) -> Refused | None:
    """Return why the invitation with these deliveries, oldest first, can't be sent again now; None
    if it can.

    Codes: "customer-answered"; "mail-may-arrive"; "deliveries-many" with `most`; "resend-early"
    with `at`, the instant from which it can.
    """
    if customer.status is not Status.WAITING:
        return Refused(Code.CUSTOMER_ANSWERED)
    states = {delivery.state for delivery in deliveries}
    if not states or not states <= set(mail_deliveries.NOT_DELIVERED):
        return Refused(Code.MAIL_MAY_ARRIVE)
    if len(deliveries) >= MAX_DELIVERIES:
        return Refused(Code.DELIVERIES_MANY, most=MAX_DELIVERIES)
    at = deliveries[-1].created_at + RESEND_WAIT
    return Refused(Code.RESEND_EARLY, at=at) if at > db.now() else None


def queue_possible_resends() -> None:
    """After a restore, queue each mail that can be sent again: it may have been, since the backup.
    The calling workflow parks them before a worker runs."""
    is_delivered = MailDelivery.state.not_in(mail_deliveries.NOT_DELIVERED)
    not_delivered = (
        select(MailDelivery.about)
        .where(MailDelivery.kind == invitations.MAIL)
        .group_by(MailDelivery.about)
        .having(func.count().filter(is_delivered) == 0, func.count() < MAX_DELIVERIES)
    )
    query = select(Customer).where(
        Customer.status == Status.WAITING, Customer.subaccount_id.in_(not_delivered)
    )
    for customer in db.session.scalars(query.order_by(Customer.id)).all():
        delivery = invitations.deliveries_of(customer.subaccount_id)[-1]
        queue_mail(customer, language=delivery.language)


def record_arrived(delivery: MailDelivery, *, by: Actor) -> None:
    """An operator states that an invitation's mail with unknown delivery arrived.

    Raises Forbidden, ReauthenticationRequired, Refused("delivery-not-unknown").
    """
    customer = _lock_customer_of(delivery, Action.DELIVERY_ARRIVED, by=by)
    if not mail_deliveries.record_arrived(delivery.id):
        raise Refused(Code.DELIVERY_NOT_UNKNOWN)
    _record(Action.DELIVERY_ARRIVED, customer, delivery, by=by)


def record_not_arrived(delivery: MailDelivery, *, by: Actor, reason: NotArrivedReason) -> None:
    """An operator states that an invitation's mail with unknown delivery did not arrive, so that
    the partner, who is notified, can send it again.

    Raises Forbidden, ReauthenticationRequired, Refused("delivery-not-unknown").
    """
    customer = _lock_customer_of(delivery, Action.DELIVERY_NOT_ARRIVED, by=by)
    if not mail_deliveries.record_not_arrived(delivery.id, code=reason):
        raise Refused(Code.DELIVERY_NOT_UNKNOWN)
    _record(Action.DELIVERY_NOT_ARRIVED, customer, delivery, by=by, reason=str(reason))
    notify_of_delivery(delivery)


def _lock_customer_of(delivery: MailDelivery, action: Action, *, by: Actor) -> Customer:
    """Check that the actor is an operator still, and recently authenticated; lock the customer of
    the delivery."""
    access.require_operator(identity.refresh_actor(by), action)
    identity.require_recent(by)
    query = select(Customer).where(Customer.subaccount_id == delivery.about)
    customer = db.session.scalars(query).one()
    lock_customer(customer)
    return customer


def _record(
    action: Action, customer: Customer, delivery: MailDelivery, *, by: Actor, **facts: str
) -> None:
    audit.record(
        action,
        by=by,
        chain=customer.partner_id,
        thing=customer.subaccount_id,
        customer=customer.id,
        delivery=delivery.id,
        **facts,
    )
