"""Settle memberships: order at the connection what their roles have come to."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.exc import IntegrityError

from portal import db
from portal.domain import clouds, jobs, locks
from portal.domain.access import CloudAccess, CloudRole
from portal.domain.clouds import Cloud
from portal.domain.identity import User
from portal.domain.jobs import OrderKind
from portal.domain.memberships.record import Access, AccessSecret, CloudIdentity, Membership
from portal.domain.memberships.roles import (
    GIVING_ACCESS,
    agreed_roles,
    effective_since_settled,
    holds,
)
from portal.domain.retention import BATCH


def lock_people(*user_ids: str | None) -> None:
    """Lock the open memberships of people, for a verb that locks later rows before it settles."""
    is_theirs = Membership.user_id.in_([user_id for user_id in user_ids if user_id])
    is_open = Membership.revoking_at.is_(None)
    db.session.execute(locks.select_for_update(Membership.id, is_theirs, is_open)).all()


def settle(membership_id: str) -> None:
    """Order what the roles of one membership have come to, if it is open."""
    _settle(Membership.id == membership_id)


def settle_cloud(cloud_id: str, *, stop: bool = False) -> None:
    """A verb has changed roles on the cloud, or who may hold one: order what follows from it. With
    `stop`, revokes stop all instances of the cloud."""
    create_for_mapped(CloudAccess.cloud_id == cloud_id)
    _settle(Membership.cloud_id == cloud_id, stop=stop)


def settle_user(user_id: str) -> None:
    """A verb has changed a person's roles, or whether they may act: order what follows from it. A
    person without memberships has nothing to order."""
    create_for_mapped(CloudAccess.user_id == user_id)
    _settle(Membership.user_id == user_id)


def reinstate(user_id: str, *, since: datetime) -> None:
    """A person may act again, who lost all access at `since`: order their roles again, for new
    memberships. Secrets that were revoked stay so."""
    is_theirs = Membership.user_id == user_id, Membership.revoking_at >= since
    query = select(Membership.cloud_id).where(*is_theirs).distinct()
    for cloud_id in db.session.scalars(query.order_by(Membership.cloud_id)).all():
        open_membership(cloud_id, user_id)
    settle_user(user_id)


def settle_partner(partner_id: str) -> None:
    """A verb has changed what a partner's account may hold: order what follows from it."""
    held = select(CloudAccess.cloud_id).where(CloudAccess.partner_id == partner_id)
    _settle(Membership.cloud_id.in_(held))


def settle_due() -> bool:
    """Settle a batch of memberships of which a role took effect since. Return whether there may be
    more."""
    return _settle_batch(effective_since_settled(), also=create_for_mapped())


def settle_closed() -> bool:
    """Settle a batch of memberships whose cloud was closed. Return whether there may be more."""
    closed = select(Cloud.id).where(Cloud.closed_at.is_not(None))
    return _settle_batch(Membership.cloud_id.in_(closed))


def _settle_batch(is_due: ColumnElement[bool], *, also: Collection[str] = ()) -> bool:
    query = select(Membership.id).where(Membership.revoking_at.is_(None), is_due)
    ids = list(db.session.scalars(query.limit(BATCH)))
    _settle(Membership.id.in_([*also, *ids]))
    return len(ids) == BATCH


def open_membership(cloud_id: str, user_id: str) -> Membership:
    """The person's membership of the cloud, locked; a new one if they have none."""
    is_theirs = Membership.cloud_id == cloud_id, Membership.user_id == user_id
    query = select(Membership).where(*is_theirs, Membership.revoking_at.is_(None))
    query = query.execution_options(populate_existing=True)
    membership = db.session.scalar(query.with_for_update(key_share=True))
    if membership is not None:
        return membership
    try:
        with db.savepoint():
            return _create(cloud_id, user_id)
    except IntegrityError:  # another verb has just made it
        return open_membership(cloud_id, user_id)


def _create(cloud_id: str, user_id: str) -> Membership:
    connection_id = db.session.get_one(Cloud, cloud_id).connection_id
    mapped = db.session.get(CloudIdentity, (user_id, connection_id))
    now = db.now()
    membership = Membership(
        id=db.new_id("mem"),
        cloud_id=cloud_id,
        user_id=user_id,
        identity_provider=mapped.provider if mapped else None,
        identity_subject=mapped.subject if mapped else None,
        created_at=now,
        settled_at=now,
    )
    db.session.add(membership)
    db.session.flush()
    return membership


def settle_membership(
    membership: Membership, role: CloudRole | None, *, stop: bool = False
) -> None:
    """Order what the agreed role means for an open membership that the caller has locked."""
    membership.settled_at = db.now()
    if role is None and membership.ordered_role is None:
        membership.revoking_at = membership.revoked_at = membership.ends_by = db.now()
    elif role is None:
        membership.stops = stop
        end(membership)
        order_revoke(membership)
    elif role is not membership.ordered_role:
        order_grant(membership, role)
    db.session.flush()


def order_grant(membership: Membership, role: CloudRole) -> None:
    """Order this role for a membership that the caller has locked."""
    membership.ordered_role, membership.fault = role, None
    db.session.flush()
    add_order(OrderKind.GRANT, membership.id, membership)


def add_order(kind: OrderKind, subject_id: str, membership: Membership) -> None:
    """Queue an order at the membership's connection."""
    cloud = db.session.get_one(Cloud, membership.cloud_id)
    account_id = clouds.payer_of(cloud).id
    jobs.add_order(kind, subject_id, connection_id=cloud.connection_id, account_id=account_id)


def _settle(*conditions: ColumnElement[bool], stop: bool = False) -> None:
    """Compare the open memberships with their roles. They are locked first: of two changes that
    take a role away at once, the later one sees both."""
    db.session.flush()
    is_open = Membership.revoking_at.is_(None)
    ids = list(db.session.scalars(locks.select_for_update(Membership.id, is_open, *conditions)))
    if not ids:
        return
    is_locked = Membership.id.in_(ids)
    query = select(Membership).where(is_locked).order_by(Membership.id)
    memberships = list(db.session.scalars(query.execution_options(populate_existing=True)))
    roles = agreed_roles(is_locked)
    for membership in memberships:
        settle_membership(membership, roles.get(membership.id), stop=stop)


def end(membership: Membership) -> None:
    """Agree that the person loses all access; what was to give them some is cancelled. The caller
    has locked the membership, and calls `order_revoke` then."""
    membership.revoking_at, membership.fault = db.now(), None
    for access in _open_accesses(membership):
        access.ending_at = access.ending_at or db.now()
    db.session.flush()


def order_revoke(membership: Membership) -> None:
    """Order at the connection what `end` agreed."""
    ids = [access.id for access in _open_accesses(membership)]
    db.session.execute(delete(AccessSecret).where(AccessSecret.access_id.in_(ids)))
    jobs.cancel_orders((OrderKind.GRANT, OrderKind.ACCESS), [membership.id, *ids])
    add_order(OrderKind.REVOKE, membership.id, membership)


def order_revoke_again(membership: Membership) -> None:
    """Order a revoke again that was carried out, of a membership that the caller has locked."""
    membership.revoked_at = None
    db.session.flush()
    add_order(OrderKind.REVOKE, membership.id, membership)


def revoke_all(cloud_id: str) -> None:
    """The cloud is gone at its connection, and is created again: who has access there loses it, and
    may take it again. The calling verb has locked the cloud."""
    is_open = Membership.cloud_id == cloud_id, Membership.revoking_at.is_(None)
    for membership_id in db.session.scalars(locks.select_for_update(Membership.id, *is_open)).all():
        membership = db.session.get_one(Membership, membership_id, populate_existing=True)
        end(membership)
        order_revoke(membership)


def revoke_again(membership_id: str, *, cloud_id: str) -> bool:
    """The connection has a role of somebody whose membership of the cloud was revoked: order that
    again. Return False if it is no such membership. The calling verb has locked the cloud."""
    is_it = Membership.id == membership_id, Membership.cloud_id == cloud_id
    if not db.session.scalars(locks.select_for_update(Membership.id, *is_it)).all():
        return False
    membership = db.session.get_one(Membership, membership_id, populate_existing=True)
    if membership.revoking_at is None:
        return False
    order_revoke_again(membership)
    return True


def begin_again(membership_id: str, *, cloud_id: str) -> None:
    """The connection has lost somebody's role: what it may have left is revoked, and the role that
    is agreed is ordered for a new membership. The calling verb has locked the cloud."""
    membership = db.lock(Membership, membership_id)
    if membership.revoking_at is None:
        end(membership)
        open_membership(cloud_id, membership.user_id)  # before jobs are locked
        order_revoke(membership)
    settle_cloud(cloud_id)


def grant_again(membership_id: str, *, cloud_id: str) -> None:
    """The connection has another role of somebody: the one that is agreed is ordered again, if they
    still have one. The calling verb has locked the cloud."""
    is_it = Membership.id == membership_id, Membership.cloud_id == cloud_id
    if not db.session.scalars(locks.select_for_update(Membership.id, *is_it)).all():
        return
    membership = db.session.get_one(Membership, membership_id, populate_existing=True)
    if membership.revoking_at is None and membership.ordered_role is not None:
        order_grant(membership, membership.ordered_role)


def _open_accesses(membership: Membership) -> list[Access]:
    is_open = Access.membership_id == membership.id, Access.ended_at.is_(None)
    return list(db.session.scalars(select(Access).where(*is_open).order_by(Access.id)))


def create_for_mapped(*conditions: ColumnElement[bool]) -> list[str]:
    """Make the memberships of mapped people who hold a role by hand and have none yet; their IDs.
    The caller settles them."""
    db.session.flush()
    is_member = and_(
        Membership.cloud_id == Cloud.id,
        Membership.user_id == User.id,
        Membership.revoking_at.is_(None),
    )
    query = (
        select(Cloud.id, User.id)
        .join(CloudAccess, CloudAccess.cloud_id == Cloud.id)
        .join(User, User.id == CloudAccess.user_id)
        .join(
            CloudIdentity,
            and_(
                CloudIdentity.user_id == User.id, CloudIdentity.connection_id == Cloud.connection_id
            ),
        )
        .outerjoin(Membership, is_member)
        .where(Membership.id.is_(None), User.is_active, Cloud.closed_at.is_(None))
        .where(Cloud.carried_out_at.is_not(None), Cloud.external_id.is_not(None))
        .where(CloudAccess.role.in_(GIVING_ACCESS))
        .where(holds(CloudAccess, db.now()), *conditions)
        .distinct()
        .order_by(Cloud.id, User.id)
    )
    created = []
    for cloud_id, user_id in db.session.execute(query).all():
        try:
            with db.savepoint():
                created.append(_create(cloud_id, user_id).id)
        except IntegrityError:  # another verb has just made it
            continue
    return created
