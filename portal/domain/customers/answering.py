"""Accepting and declining an invitation; exactly one answer counts."""

from __future__ import annotations

from sqlalchemy import select

from portal import db
from portal.domain import (
    access,
    audit,
    clouds,
    identity,
    invitations,
    mail_deliveries,
    memberships,
)
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.customers.lifecycle import close
from portal.domain.customers.notifications import notify_partner
from portal.domain.customers.record import Customer, Status, lock_customer, transition
from portal.domain.errors import Code, Refused
from portal.domain.invitations import Answer, Invitation
from portal.domain.notifications import Kind


def accept(invitation: Invitation, *, by: Actor) -> Customer:
    """Only the invited person confirms, once. The customer becomes Active; the person becomes
    administrator of the subaccount and owner of its default cloud.

    A mail with unknown delivery has arrived, as the answer shows. The person's address is compared
    as it is in this transaction. Raises Forbidden;
    Refused("already-confirmed", "invitation-closed", "own-customer").
    """
    access.require(identity.refresh_actor(by), Action.INVITATION_ACCEPT, invitation)
    if access.is_staff(by.id, invitation.partner_id):
        raise Refused(Code.OWN_CUSTOMER)
    customer = _answer(invitation, Answer.CONFIRMED, Status.ACTIVE, by=by)
    subaccount = db.session.get_one(BillingAccount, customer.subaccount_id)
    subaccount.confirmed_at = db.now()
    access.assign_account_role(access.AccountRole.ADMIN, to=by.id, account=subaccount, by=by)
    if customer.default_cloud_id is not None:
        access.assign_cloud_role(
            access.CloudRole.OWNER, cloud_id=customer.default_cloud_id, user_id=by.id, by=by
        )
        clouds.order_changes(customer.default_cloud_id)
        memberships.settle_cloud(customer.default_cloud_id)
    _record(Action.INVITATION_ACCEPT, customer, by=by)
    notify_partner(Kind.CONFIRMED, customer, by=by)
    return customer


def decline(invitation: Invitation, *, by: Actor) -> Customer:
    """Only the invited person declines. The customer becomes Inactive: its subaccount and default
    cloud are closed, an unsent mail is cancelled, and its address can be invited again.

    Raises as `accept`.
    """
    access.require(identity.refresh_actor(by), Action.INVITATION_DECLINE, invitation)
    if access.is_staff(by.id, invitation.partner_id):
        raise Refused(Code.OWN_CUSTOMER)
    customer = _answer(invitation, Answer.DECLINED, Status.INACTIVE, by=by)
    close(customer)
    _record(Action.INVITATION_DECLINE, customer, by=by)
    notify_partner(Kind.DECLINED, customer, by=by)
    return customer


def is_own_customers_invitation(actor: Actor, account_id: str) -> bool:
    """Return whether one of the actor's partner accounts has sent the invitation that a link names
    by the ID of its subaccount or of its partner account."""
    query = select(Invitation.subaccount_id).where(
        (Invitation.subaccount_id == account_id) | (Invitation.partner_id == account_id),
        Invitation.partner_id.in_(access.account_ids(actor)),
    )
    return db.session.scalar(query.limit(1)) is not None


def _answer(invitation: Invitation, answer: Answer, status: Status, *, by: Actor) -> Customer:
    query = select(Customer).where(Customer.subaccount_id == invitation.subaccount_id)
    customer = db.session.scalars(query).one()
    lock_customer(customer)
    if not transition(customer, Status.WAITING, to=status):
        is_same_answer = invitation.answer is Answer.CONFIRMED and invitation.answered_by == by.id
        raise Refused(Code.ALREADY_CONFIRMED if is_same_answer else Code.INVITATION_CLOSED)
    invitation.answer, invitation.answered_at, invitation.answered_by = answer, db.now(), by.id
    db.session.flush()
    mail_deliveries.record_answered(invitations.MAIL, about=invitation.subaccount_id)
    return customer


def _record(action: Action, customer: Customer, *, by: Actor) -> None:
    audit.record(
        action,
        by=by,
        chain=customer.partner_id,
        thing=customer.subaccount_id,
        customer=customer.id,
        status=str(customer.status),
    )
