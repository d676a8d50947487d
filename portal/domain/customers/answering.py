"""The customer confirms the partnership or declines it; exactly one answer counts."""

from __future__ import annotations

from sqlalchemy import select

from portal import db
from portal.domain import access, audit, identity
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.customers.lifecycle import close
from portal.domain.customers.notifications import notify_partner
from portal.domain.customers.record import Customer, Status, hold, transition
from portal.domain.errors import Code, Refused
from portal.domain.invitations import Answer, Invitation
from portal.domain.notifications import Kind


def accept(asked: Invitation, *, by: Actor) -> Customer:
    """Only the invited identity confirms, at most once; the customer is Active at once, its user
    administers the subaccount and owns its default cloud. The address counts at the commit.

    Raises Forbidden; Refused(Code.ALREADY_CONFIRMED, "invitation-closed", "own-customer").
    """
    access.require(identity.refresh_actor(by), Action.INVITATION_ACCEPT, asked)
    if access.is_staff(by.id, asked.partner_id):
        raise Refused(Code.OWN_CUSTOMER)
    record = _answer(asked, Answer.CONFIRMED, Status.ACTIVE, by=by)
    subaccount = db.session.get_one(BillingAccount, record.subaccount_id)
    subaccount.confirmed_at = db.now()
    access.give_account_role(access.AccountRole.ADMIN, to=by.id, account=subaccount, by=by)
    if record.default_cloud_id is not None:
        access.give_cloud_role(
            access.CloudRole.OWNER, cloud_id=record.default_cloud_id, user=by.id, by=by
        )
    _record(Action.INVITATION_ACCEPT, record, by=by)
    notify_partner(Kind.CONFIRMED, record, by=by)
    return record


def decline(asked: Invitation, *, by: Actor) -> Customer:
    """Only the invited identity declines; the customer is Inactive, its subaccount and empty cloud
    are closed, a mail that has not left does not leave, the address is free again.

    Raises as `accept`.
    """
    access.require(identity.refresh_actor(by), Action.INVITATION_DECLINE, asked)
    if access.is_staff(by.id, asked.partner_id):
        raise Refused(Code.OWN_CUSTOMER)
    record = _answer(asked, Answer.DECLINED, Status.INACTIVE, by=by)
    close(record)
    _record(Action.INVITATION_DECLINE, record, by=by)
    notify_partner(Kind.DECLINED, record, by=by)
    return record


def is_own_customers_invitation(actor: Actor, ident: str) -> bool:
    """Whether this link leads to an invitation of the actor's own partner account."""
    own = access.account_ids(actor)
    found = select(Invitation.subaccount_id).where(
        (Invitation.subaccount_id == ident) | (Invitation.partner_id == ident),
        Invitation.partner_id.in_(own),
    )
    return db.session.scalar(found.limit(1)) is not None


def _answer(asked: Invitation, answer: Answer, status: Status, *, by: Actor) -> Customer:
    found = select(Customer).where(Customer.subaccount_id == asked.subaccount_id)
    record = db.session.scalars(found).one()
    hold(record)
    if not transition(record, Status.WAITING, to=status):
        mine = asked.answer is Answer.CONFIRMED and asked.answered_by == by.id
        raise Refused(Code.ALREADY_CONFIRMED if mine else Code.INVITATION_CLOSED)
    asked.answer, asked.answered_at, asked.answered_by = answer, db.now(), by.id
    return record


def _record(action: Action, record: Customer, *, by: Actor) -> None:
    audit.record(
        action,
        by=by,
        chain=record.partner_id,
        thing=record.subaccount_id,
        customer=record.id,
        status=str(record.status),
    )
