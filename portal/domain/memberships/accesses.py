"""Accesses: a person gets what they sign in with to a cloud, sees it once, and withdraws it."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import delete, func, select

from portal import db
from portal.domain import access, audit, clouds, connections, identity, jobs, locks
from portal.domain.access import CloudAccess
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import WORKER, Actor
from portal.domain.clouds import Cloud
from portal.domain.connections import Connection
from portal.domain.errors import Code, Forbidden, Refused
from portal.domain.jobs import OrderKind
from portal.domain.memberships.record import (
    MAX_ACCESSES,
    MAX_DAYS,
    SHOW_WITHIN,
    Access,
    AccessSecret,
    Membership,
    Progress,
)
from portal.domain.memberships.roles import agreed_roles
from portal.domain.memberships.settling import add_order, open_membership, order_grant
from portal.domain.retention import BATCH

ABILITY = "access"


class Shown(NamedTuple):
    """What a person sees once."""

    access: Access
    text: str


def refusal_to_get(cloud: Cloud) -> Refused | None:
    """Why nobody gets an access to the cloud now; None if people can."""
    connection = db.session.get_one(Connection, cloud.connection_id)
    if cloud.closed_at is not None:
        return Refused(Code.CLOUD_CLOSED)
    if ABILITY not in connection.test_result.get("abilities", ()):
        return Refused(Code.ACCESS_NOT_OFFERED)
    if cloud.external_id is None or cloud.carried_out_at is None:
        return Refused(Code.CLOUD_NOT_READY)
    if cloud.is_suspended_there or clouds.payer_of(cloud).suspended_at is not None:
        return Refused(Code.CLOUD_SUSPENDED)
    return None


def get_access(cloud: Cloud, *, by: Actor, name: str, days: int) -> Access:
    """A person with a role on a cloud orders what they sign in with there for this many days. They
    may have several, also at once.

    Raises ReauthenticationRequired, Forbidden, Refused("user-disabled", "cloud-closed",
    "access-not-offered", "cloud-not-ready", "cloud-suspended", "access-days", "accesses-many",
    "credentials-key-missing").
    """
    identity.require_recent(by)
    cloud = _lock_in_order(cloud, by)
    access.require(by, Action.CLOUD_GET_ACCESS, cloud)
    if refusal := refusal_to_get(cloud):
        raise refusal
    if not 1 <= days <= MAX_DAYS:
        raise Refused(Code.ACCESS_DAYS, field="days", limit=MAX_DAYS)
    membership = open_membership(cloud.id, by.id)
    role = agreed_roles(Membership.id == membership.id).get(membership.id)
    if role is None:
        raise Forbidden(Action.CLOUD_GET_ACCESS)
    if _count_open(membership) >= MAX_ACCESSES:
        raise Refused(Code.ACCESSES_MANY, limit=MAX_ACCESSES)
    row = _add(membership, name=name, days=days)
    if membership.role is None:
        order_grant(membership, role)  # the access is ordered when the role is carried out
    else:
        add_order(OrderKind.ACCESS, row.id, membership)
    _record(Action.CLOUD_GET_ACCESS, row, membership, by=by)
    return row


def show(row: Access, *, by: Actor) -> Shown:
    """A person sees the secret of their own access; it is deleted.

    Raises ReauthenticationRequired, Forbidden, Refused("access-shown", "access-unreadable").
    """
    identity.require_recent(by)
    membership = _lock_own(row, Action.CLOUD_SHOW_ACCESS, by=by)
    secret = db.session.get(AccessSecret, row.id, populate_existing=True)
    if secret is None or row.progress is not Progress.READY:
        raise Refused(Code.ACCESS_SHOWN)
    values = connections.open_sealed(row.id, secret.sealed)
    if values is None:
        raise Refused(Code.ACCESS_UNREADABLE)
    row.shown_at = db.now()
    db.session.flush()
    db.session.delete(secret)
    _record(Action.CLOUD_SHOW_ACCESS, row, membership, by=by)
    return Shown(row, values["text"])


def withdraw(row: Access, *, by: Actor) -> None:
    """A person ends one of their accesses; the others stay. Raises Forbidden."""
    membership = _lock_own(row, Action.CLOUD_WITHDRAW_ACCESS, by=by)
    if row.ending_at is not None:
        return
    row.ending_at = db.now()
    db.session.flush()
    db.session.execute(delete(AccessSecret).where(AccessSecret.access_id == row.id))
    jobs.cancel_orders((OrderKind.ACCESS,), [row.id])
    add_order(OrderKind.WITHDRAW, row.id, membership)
    _record(Action.CLOUD_WITHDRAW_ACCESS, row, membership, by=by)


def cloud_id_of(row: Access) -> str:
    """The ID of the cloud to which the access leads."""
    return db.session.get_one(Membership, row.membership_id).cloud_id


def accesses_of(cloud: Cloud, *, actor: Actor) -> list[Access]:
    """The actor's own accesses to the cloud that have not ended, the newest first."""
    query = select(Access).join(Membership, Membership.id == Access.membership_id)
    query = query.where(Membership.cloud_id == cloud.id, Membership.user_id == actor.id)
    query = query.where(Access.ended_at.is_(None), Membership.revoking_at.is_(None))
    return list(db.session.scalars(query.order_by(Access.id.desc())))


def withdraw_due() -> bool:
    """Withdraw a batch of accesses whose secret was not shown in time, or whose time is over.
    Return whether there may be more."""
    now = db.now()
    has_secret = select(AccessSecret.access_id).where(AccessSecret.access_id == Access.id)
    is_unseen = (Access.made_at < now - SHOW_WITHIN) & has_secret.exists()
    query = select(Access).where(Access.ending_at.is_(None), is_unseen | (Access.until <= now))
    return _withdraw_batch(query)


def withdraw_unseen() -> None:
    """Withdraw all accesses that are not made, or not shown: after a restore their secret may have
    been shown since the backup."""
    query = select(Access).join(AccessSecret, AccessSecret.access_id == Access.id)
    query = query.where(Access.ending_at.is_(None))
    while _withdraw_batch(query):
        pass


def _withdraw_batch(query: Any) -> bool:
    rows = list(db.session.scalars(query.order_by(Access.id).limit(BATCH)))
    locks.lock(*((Membership, row.membership_id) for row in rows))
    for row in rows:
        withdraw(row, by=WORKER)
    return len(rows) == BATCH


def _lock_in_order(cloud: Cloud, by: Actor) -> Cloud:
    """Lock all that the actor's role on the cloud depends on: the person, the partners whose role
    holds for them, the cloud."""
    identity.lock_active(by)
    partners = select(CloudAccess.partner_id).where(
        CloudAccess.cloud_id == cloud.id,
        CloudAccess.partner_id.in_(access.account_ids(by, staff=True)),
    )
    ids = list(db.session.scalars(partners))
    locks.lock(*((BillingAccount, account_id) for account_id in ids), (Cloud, cloud.id))
    return db.session.get_one(Cloud, cloud.id)


def _lock_own(row: Access, action: Action, *, by: Actor) -> Membership:
    """Lock the membership, and read the access again. Raises Forbidden if it is another's."""
    membership = db.lock(Membership, row.membership_id)
    db.session.refresh(row)
    if not by.is_system and membership.user_id != by.id:
        raise Forbidden(action)
    return membership


def _count_open(membership: Membership) -> int:
    is_open = Access.membership_id == membership.id, Access.ended_at.is_(None)
    query = select(func.count()).select_from(Access).where(*is_open)
    return db.session.execute(query).scalar_one()


def _add(membership: Membership, *, name: str, days: int) -> Access:
    """The row of a new access, and the secret that we choose for it."""
    now = db.now()
    row = Access(
        id=db.new_id("acs"),
        membership_id=membership.id,
        name=name,
        created_at=now,
        until=now + timedelta(days=days),
    )
    db.session.add(row)
    db.session.flush()
    sealed = connections.seal(row.id, {"secret": secrets.token_urlsafe(32)})
    db.session.add(AccessSecret(access_id=row.id, sealed=sealed))
    db.session.flush()
    return row


def _record(action: Action, row: Access, membership: Membership, *, by: Actor) -> None:
    cloud = db.session.get_one(Cloud, membership.cloud_id)
    audit.record(
        action,
        by=by,
        chain=clouds.audit_chain_of(cloud),
        thing=cloud.id,
        access=row.id,
        holder=membership.user_id,
    )
