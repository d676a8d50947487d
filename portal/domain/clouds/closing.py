"""Closing a cloud: its owner closes it, may restore it for seven days, then it is disabled.

Nothing in it is deleted by the portal: emptying it is a task for an operator.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from portal import db
from portal.domain import access, audit, identity, locks
from portal.domain.access import CloudAccess
from portal.domain.accounts import Kind
from portal.domain.actions import Action
from portal.domain.actors import WORKER, Actor
from portal.domain.clouds.lifecycle import audit_chain_of, require_open
from portal.domain.clouds.listing import payer_of
from portal.domain.clouds.ordering import order_changes
from portal.domain.clouds.record import Cloud
from portal.domain.errors import Code, Refused

GRACE = timedelta(days=7)
BATCH = 100


def close(cloud: Cloud, *, name: str, by: Actor) -> None:
    """An owner of a cloud has it closed after GRACE, typing its name.

    Raises ReauthenticationRequired, Forbidden, Refused as `close_refusal`, Refused("name-differs").
    """
    identity.require_recent(by)
    cloud = db.lock(Cloud, cloud.id)
    access.require(by, Action.CLOUD_CLOSE, cloud)
    if refusal := close_refusal(cloud, by):
        raise refusal
    if name != cloud.name:
        raise Refused(Code.NAME_DIFFERS, field="name")
    cloud.closes_at = db.now() + GRACE
    _record(Action.CLOUD_CLOSE, cloud, by=by)


def close_refusal(cloud: Cloud, by: Actor) -> Refused | None:
    """Why an owner can't close the cloud: "cloud-closed", "cloud-closing", "customers-own-cloud";
    None if they can."""
    if cloud.closed_at is not None:
        return Refused(Code.CLOUD_CLOSED)
    if cloud.closes_at is not None:
        return Refused(Code.CLOUD_CLOSING)
    partner_ids = _partner_ids(cloud)
    if any(access.is_staff(by.id, partner_id) for partner_id in partner_ids):
        staff = set[str]().union(*map(access.staff_ids, partner_ids))
        if access.cloud_owners(cloud.id) - staff:
            return Refused(Code.CUSTOMERS_OWN_CLOUD)
    return None


def restore(cloud: Cloud, *, by: Actor) -> None:
    """An owner of a cloud keeps it, before GRACE is over.

    Raises Forbidden, Refused("cloud-closed").
    """
    cloud = db.lock(Cloud, cloud.id)
    access.require(by, Action.CLOUD_CLOSE, cloud)
    require_open(cloud)
    if cloud.closes_at is None:
        return
    cloud.closes_at = None
    _record(Action.CLOUD_RESTORE, cloud, by=by)


def close_due() -> bool:
    """Close a batch of the clouds whose GRACE is over, and order it at their connections. Return
    whether there may be more."""
    is_due = Cloud.closes_at <= db.now(), Cloud.closed_at.is_(None)
    query = locks.select_for_update(Cloud.id, *is_due, skip_locked=True).limit(BATCH)
    cloud_ids = db.session.scalars(query).all()
    for cloud_id in cloud_ids:
        cloud = db.lock(Cloud, cloud_id)
        cloud.closed_at = db.now()
        _record(Action.CLOUD_CLOSED, cloud, by=WORKER)
    order_changes(*cloud_ids)
    return len(cloud_ids) == BATCH


def _partner_ids(cloud: Cloud) -> set[str]:
    """The partner accounts from which a role on the cloud may come: those with a role on it, and
    the one that pays for it."""
    query = select(CloudAccess.partner_id).where(
        CloudAccess.cloud_id == cloud.id,
        CloudAccess.partner_id.is_not(None),
        CloudAccess.revoked_at.is_(None),
    )
    payer = payer_of(cloud)
    pays = payer.parent_id or (payer.id if payer.kind is Kind.PARTNER else None)
    return {partner_id for partner_id in (*db.session.scalars(query), pays) if partner_id}


def _record(action: Action, cloud: Cloud, *, by: Actor) -> None:
    db.session.flush()
    audit.record(action, by=by, chain=audit_chain_of(cloud), thing=cloud.id)
