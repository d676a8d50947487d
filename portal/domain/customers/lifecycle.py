"""Suspending, resuming, removing, and ending a partnership."""

from __future__ import annotations

from sqlalchemy import func, select

from portal import db
from portal.domain import access, audit, invitations, outbox
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud, Folder, Link
from portal.domain.customers.notifications import notify_customer, notify_partner
from portal.domain.customers.record import Customer, Status, hold, transition
from portal.domain.errors import Code, Refused
from portal.domain.invitations import Answer, Invitation
from portal.domain.notifications import Kind


def suspend(record: Customer, *, by: Actor) -> None:
    """Editors of the partner's account stop services; clouds stay linked, usage still goes to the
    partner, the customer may link away. Raises Forbidden, Refused(Code.CUSTOMER_NOT_ACTIVE).
    """
    access.require(by, Action.CUSTOMER_SUSPEND, hold(record))
    if not transition(record, Status.ACTIVE, to=Status.SUSPENDED):
        raise Refused(Code.CUSTOMER_NOT_ACTIVE)
    db.session.get_one(BillingAccount, record.subaccount_id).suspended_at = db.now()
    _record(Action.CUSTOMER_SUSPEND, record, by=by)
    notify_customer(Kind.SUSPENDED, record, by=by)


def resume(record: Customer, *, by: Actor) -> None:
    """Editors of the partner's account take services up again.

    Raises Forbidden, Refused(Code.CUSTOMER_NOT_SUSPENDED).
    """
    access.require(by, Action.CUSTOMER_RESUME, hold(record))
    if not transition(record, Status.SUSPENDED, to=Status.ACTIVE):
        raise Refused(Code.CUSTOMER_NOT_SUSPENDED)
    db.session.get_one(BillingAccount, record.subaccount_id).suspended_at = None
    _record(Action.CUSTOMER_RESUME, record, by=by)
    notify_customer(Kind.RESUMED, record, by=by)


def remove(record: Customer, *, by: Actor) -> None:
    """An owner of the partner's account removes a customer who has not answered.

    Raises Forbidden, Refused(Code.CUSTOMER_ANSWERED).
    """
    access.require(by, Action.CUSTOMER_REMOVE, hold(record))
    withdraw(record, by=by)
    _record(Action.CUSTOMER_REMOVE, record, by=by)


def withdraw(record: Customer, *, by: Actor) -> None:
    """The invitation ends unanswered; the calling verb holds the customer, has asked whether `by`
    may, and records it.

    Raises Refused(Code.CUSTOMER_ANSWERED).
    """
    if not transition(record, Status.WAITING, to=Status.INACTIVE):
        raise Refused(Code.CUSTOMER_ANSWERED)
    asked = db.session.get_one(Invitation, record.subaccount_id)
    asked.answer, asked.answered_at, asked.answered_by = Answer.WITHDRAWN, db.now(), by.id
    close(record)


def end_partnership(record: Customer, *, by: Actor) -> None:
    """An owner of the partner's account, or an administrator of the subaccount, ends it, once
    nothing but an unused default cloud is linked to the subaccount.

    Raises Forbidden, Refused(Code.CLOUDS_LINKED, "partnership-not-confirmed").
    """
    partner = hold(record)
    subaccount = db.session.get_one(BillingAccount, record.subaccount_id)
    if not access.administers(by, subaccount):
        access.require(by, Action.PARTNERSHIP_END, partner)
    if count := _clouds_in_use(record):
        raise Refused(Code.CLOUDS_LINKED, count=count)
    if not transition(record, Status.ACTIVE, Status.SUSPENDED, to=Status.INACTIVE):
        raise Refused(Code.PARTNERSHIP_NOT_CONFIRMED)
    close(record)
    _record(Action.PARTNERSHIP_END, record, by=by)
    notify_customer(Kind.ENDED, record, by=by)
    notify_partner(Kind.ENDED, record, by=by)


def close(record: Customer) -> None:
    """What an Inactive customer, whom the calling verb holds, leaves: a closed subaccount, its
    default cloud closed with it while that is still linked there, no mail that has not left."""
    now = db.now()
    db.session.get_one(BillingAccount, record.subaccount_id).closed_at = now
    if record.default_cloud_id is not None:
        default = db.session.get_one(Cloud, record.default_cloud_id)
        if _is_linked(default.id, record.subaccount_id):
            default.closed_at = now
    outbox.cancel(invitations.MAIL, about=record.subaccount_id)


def _clouds_in_use(record: Customer) -> int:
    """Clouds linked to the subaccount, an unused default one aside: only its default folder."""
    linked = select(func.count()).where(
        Link.account_id == record.subaccount_id, Link.until_at.is_(None)
    )
    count = db.session.execute(linked).scalar_one()
    default = record.default_cloud_id
    if default is None or not _is_linked(default, record.subaccount_id):
        return count
    folders = select(func.count()).where(Folder.cloud_id == default, ~Folder.is_default)
    return count if db.session.execute(folders).scalar_one() else count - 1


def _is_linked(cloud_id: str, account_id: str) -> bool:
    found = select(Link.id).where(
        Link.cloud_id == cloud_id, Link.account_id == account_id, Link.until_at.is_(None)
    )
    return db.session.scalar(found) is not None


def _record(action: Action, record: Customer, *, by: Actor) -> None:
    audit.record(
        action,
        by=by,
        chain=record.partner_id,
        thing=record.id,
        customer=record.id,
        status=str(record.status),
    )
