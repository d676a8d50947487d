"""The lifecycle of a customer: suspend, resume, remove, end the partnership."""

from __future__ import annotations

from sqlalchemy import and_, select

from portal import db
from portal.domain import (
    access,
    audit,
    clouds,
    identity,
    invitations,
    locks,
    mail_deliveries,
    memberships,
)
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud, Link
from portal.domain.customers.notifications import notify_customer, notify_partner
from portal.domain.customers.record import Customer, Status, lock_customer, transition
from portal.domain.errors import Code, Refused
from portal.domain.invitations import Answer, Invitation
from portal.domain.notifications import Kind


def suspend(customer: Customer, *, by: Actor) -> None:
    """Editors of the partner's account suspend an Active customer's services.

    Clouds stay linked, the partner still pays for their usage, and the customer may relink them.
    Raises Forbidden, Refused("customer-not-active").
    """
    subaccount, cloud_ids = _lock_with_clouds(customer)
    access.require(by, Action.CUSTOMER_SUSPEND, lock_customer(customer))
    if not transition(customer, Status.ACTIVE, to=Status.SUSPENDED):
        raise Refused(Code.CUSTOMER_NOT_ACTIVE)
    subaccount.suspended_at = db.now()
    clouds.order_changes(*cloud_ids, of=clouds.SUSPENSION)
    _record(Action.CUSTOMER_SUSPEND, customer, by=by)
    notify_customer(Kind.SUSPENDED, customer, by=by)


def resume(customer: Customer, *, by: Actor) -> None:
    """Editors of the partner's account resume a Suspended customer's services.

    Raises Forbidden, Refused("customer-not-suspended").
    """
    subaccount, cloud_ids = _lock_with_clouds(customer)
    access.require(by, Action.CUSTOMER_RESUME, lock_customer(customer))
    if not transition(customer, Status.SUSPENDED, to=Status.ACTIVE):
        raise Refused(Code.CUSTOMER_NOT_SUSPENDED)
    subaccount.suspended_at = None
    clouds.order_changes(*cloud_ids, of=clouds.SUSPENSION)
    _record(Action.CUSTOMER_RESUME, customer, by=by)
    notify_customer(Kind.RESUMED, customer, by=by)


class CloudAskedError(Refused, db.CommittedError):
    """The connection of the default cloud is asked whether it is empty; that is committed."""

    def __init__(self) -> None:
        super().__init__(Code.CLOUD_ASKED)


def remove(customer: Customer, *, by: Actor) -> None:
    """An owner of the partner's account removes a customer who has not answered the invitation.

    Raises Forbidden, Refused("customer-answered").
    """
    access.require(by, Action.CUSTOMER_REMOVE, lock_customer(customer))
    withdraw(customer, by=by)
    _record(Action.CUSTOMER_REMOVE, customer, by=by)


def withdraw(customer: Customer, *, by: Actor) -> None:
    """Withdraw the invitation of a waiting customer, who becomes Inactive.

    The calling verb locks the customer, checks the permission and records the change. Raises
    Refused("customer-answered").
    """
    if not transition(customer, Status.WAITING, to=Status.INACTIVE):
        raise Refused(Code.CUSTOMER_ANSWERED)
    invitation = db.session.get_one(Invitation, customer.subaccount_id)
    invitation.answer = Answer.WITHDRAWN
    invitation.answered_at, invitation.answered_by = db.now(), by.id
    close(customer)


def end_partnership(customer: Customer, *, by: Actor) -> None:
    """An owner of the partner's account or an administrator of the subaccount ends a partnership
    when no cloud but an unused default cloud is linked to the subaccount. If only its connection
    knows whether that is empty, it is asked first.

    Raises ReauthenticationRequired, Forbidden, Refused("cloud-asked", "clouds-linked",
    "partnership-not-confirmed").
    """
    identity.require_recent(by)
    partner = lock_customer(customer)
    subaccount = db.session.get_one(BillingAccount, customer.subaccount_id)
    if not access.administers(by, subaccount):
        access.require(by, Action.PARTNERSHIP_END, partner)
    if clouds_in_use(customer) == [customer.default_cloud_id]:
        cloud = db.session.get_one(Cloud, customer.default_cloud_id)
        if clouds.ask_whether_empty(cloud):
            raise CloudAskedError
    end(customer, by=by)


def end(customer: Customer, *, by: Actor) -> None:
    """End a confirmed partnership, which closes the subaccount. The calling verb locks the customer
    and checks the permission.

    Raises Refused("clouds-linked", "partnership-not-confirmed").
    """
    if linked := clouds_in_use(customer):
        raise Refused(Code.CLOUDS_LINKED, count=len(linked))
    if not transition(customer, Status.ACTIVE, Status.SUSPENDED, to=Status.INACTIVE):
        raise Refused(Code.PARTNERSHIP_NOT_CONFIRMED)
    close(customer)
    _record(Action.PARTNERSHIP_END, customer, by=by)
    notify_customer(Kind.ENDED, customer, by=by)
    notify_partner(Kind.ENDED, customer, by=by)


def close(customer: Customer) -> None:
    """Close the subaccount of an Inactive customer, and its default cloud if still linked to it;
    cancel an unsent invitation mail. The calling verb locks the customer."""
    now = db.now()
    subaccount = db.session.get_one(BillingAccount, customer.subaccount_id)
    subaccount.closed_at, subaccount.ends_on = now, None
    if customer.default_cloud_id is not None:
        cloud = db.session.get_one(Cloud, customer.default_cloud_id)
        if _is_linked(cloud.id, customer.subaccount_id) and cloud.closed_at is None:
            cloud.closed_at = now
            clouds.order_changes(cloud.id)
            memberships.settle_cloud(cloud.id)
    mail_deliveries.cancel(invitations.MAIL, about=customer.subaccount_id)


def clouds_in_use(customer: Customer) -> list[str]:
    """Return the IDs of the open clouds linked to the subaccount, without an unused default one."""
    query = (
        select(Cloud)
        .join(Link, and_(Link.cloud_id == Cloud.id, Link.until_at.is_(None)))
        .where(Link.account_id == customer.subaccount_id, Cloud.closed_at.is_(None))
    )
    return [
        cloud.id
        for cloud in db.session.scalars(query.order_by(Cloud.id))
        if cloud.id != customer.default_cloud_id or not clouds.is_unused(cloud)
    ]


def _lock_with_clouds(customer: Customer) -> tuple[BillingAccount, list[str]]:
    """Lock the customer's accounts, then its default cloud and the clouds linked to the subaccount.
    Returns the subaccount, and the IDs of the clouds."""
    subaccount_id = customer.subaccount_id
    locks.lock((BillingAccount, customer.partner_id), (BillingAccount, subaccount_id))
    subaccount = db.session.get_one(BillingAccount, subaccount_id)
    return subaccount, clouds.lock_linked_to(subaccount, beside=customer.default_cloud_id)


def _is_linked(cloud_id: str, account_id: str) -> bool:
    query = select(Link.id).where(
        Link.cloud_id == cloud_id, Link.account_id == account_id, Link.until_at.is_(None)
    )
    return db.session.scalar(query) is not None


def _record(action: Action, customer: Customer, *, by: Actor) -> None:
    audit.record(
        action,
        by=by,
        chain=customer.partner_id,
        thing=customer.id,
        customer=customer.id,
        status=str(customer.status),
    )
