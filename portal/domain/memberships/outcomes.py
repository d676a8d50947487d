"""What orders about memberships read when they run, and what they record."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import select, update

from portal import db
from portal.domain import audit, clouds, connections, jobs
from portal.domain.access import CloudRole
from portal.domain.actions import Action
from portal.domain.actors import WORKER
from portal.domain.clouds import Cloud
from portal.domain.connections import Connection
from portal.domain.identity import User
from portal.domain.jobs import OrderKind
from portal.domain.memberships.record import Access, AccessSecret, Membership
from portal.domain.memberships.roles import agreed_roles
from portal.domain.memberships.settling import (
    add_order,
    order_grant,
    order_revoke_again,
    settle_membership,
)

LINK = "link"


class Agreed(NamedTuple):
    """A membership with what is agreed about it now."""

    membership: Membership
    person: User
    cloud: Cloud
    connection: Connection
    role: CloudRole | None
    """None if the person is to have no access."""
    waits: bool
    """Whether an earlier membership of the person is still to be revoked."""
    access: Access | None = None
    secret: str | None = None
    """None if there is none, or it can't be decrypted."""


def agreed(membership_id: str) -> Agreed:
    """What is agreed about the membership now."""
    membership = db.session.get_one(Membership, membership_id, populate_existing=True)
    cloud = db.session.get_one(Cloud, membership.cloud_id, populate_existing=True)
    connection = db.session.get_one(Connection, cloud.connection_id, populate_existing=True)
    is_open = membership.revoking_at is None
    roles = agreed_roles(Membership.id == membership.id) if is_open else {}
    return Agreed(
        membership,
        db.session.get_one(User, membership.user_id, populate_existing=True),
        cloud,
        connection,
        roles.get(membership.id),
        waits=_other(membership, Membership.revoked_at.is_(None)) is not None,
    )


def agreed_access(access_id: str) -> Agreed:
    """What is agreed now about an access and its membership."""
    row = db.session.get_one(Access, access_id, populate_existing=True)
    secret = db.session.get(AccessSecret, access_id, populate_existing=True)
    values = connections.open_sealed(access_id, secret.sealed) if secret else None
    return agreed(row.membership_id)._replace(access=row, secret=(values or {}).get("secret"))


def record_granted(membership_id: str, role: CloudRole) -> None:
    """The person has this role at the connection. Order the accesses that waited for it, and what
    was agreed meanwhile."""
    membership = db.lock(Membership, membership_id)
    if membership.revoked_at is not None:  # a worker that was late has given it after that
        order_revoke_again(membership)
        return
    membership.role, membership.granted_at, membership.fault = role, db.now(), None
    _record(Action.MEMBERSHIP_GRANT, membership, role=role)
    if membership.revoking_at is not None:
        return
    for access in _not_made(membership_id):
        access.fault = None
        db.session.flush()
        add_order(OrderKind.ACCESS, access.id, membership)
    roles = agreed_roles(Membership.id == membership_id)
    settle_membership(membership, roles.get(membership_id))


def record_revoked(membership_id: str, ends_by: datetime | None) -> None:
    """The connection refuses the person's new sign-ins; open ones end by then. A role that
    they were given meanwhile is ordered now, unless its order waits for an operator; once more, if
    they have it: both memberships may be of one identity."""
    membership = db.lock(Membership, membership_id)
    if membership.revoked_at is not None:
        return
    now = db.now()
    membership.revoked_at, membership.role, membership.fault = now, None, None
    membership.ends_by = ends_by or now + _token_cache(membership)
    db.session.flush()
    ended = update(Access).where(Access.membership_id == membership_id, Access.ended_at.is_(None))
    db.session.execute(ended.values(ended_at=now))
    _record(Action.MEMBERSHIP_REVOKE, membership)
    following_id = _other(membership, Membership.revoking_at.is_(None))
    if following_id is not None and not jobs.is_parked(OrderKind.GRANT, following_id):
        following = db.lock(Membership, following_id)
        if following.ordered_role is not None:
            order_grant(following, following.ordered_role)


def record_made(access_id: str, *, how: str, text: str, expires: datetime | None = None) -> None:
    """The connection has made the access; if it ends it at an earlier time to come, that is its
    end. Its text waits sealed, unless the access was withdrawn meanwhile."""
    row, membership = _lock(access_id)
    if membership.revoked_at is not None:
        order_revoke_again(membership)
        return
    if row.ended_at is not None:
        row.ended_at = None
        db.session.flush()
        add_order(OrderKind.WITHDRAW, access_id, membership)
        return
    row.fault = None
    secret = db.session.get(AccessSecret, access_id)
    if row.ending_at is not None or row.made_at is not None or secret is None:
        return
    row.made_at, row.how = db.now(), how
    if expires is not None and expires > db.now():
        row.until = min(row.until, expires)
    if how == LINK and text.startswith(("https://", "http://")) and text.isprintable():
        row.link = text
        db.session.delete(secret)
    else:
        secret.sealed = connections.seal(access_id, {"text": text})
    db.session.flush()
    _record(Action.MEMBERSHIP_MAKE_ACCESS, membership, access=access_id)


def record_withdrawn(access_id: str) -> None:
    """The connection refuses the access."""
    row, membership = _lock(access_id)
    if row.ended_at is not None:
        return
    row.ended_at, row.fault = db.now(), None
    db.session.flush()
    _record(Action.MEMBERSHIP_END_ACCESS, membership, access=access_id)


def record_fault(kind: OrderKind, subject_id: str, reason: str | None) -> None:
    """An order can't be carried out; `reason` is a code, or the cloud's words; None: it is tried
    again. Accesses that wait for a role wait for a person then."""
    if kind in (OrderKind.ACCESS, OrderKind.WITHDRAW):
        row, _membership = _lock(subject_id)
        row.fault = reason
    else:
        membership = db.lock(Membership, subject_id)
        if kind is OrderKind.REVOKE or membership.revoking_at is None:
            membership.fault = reason
        for row in _not_made(subject_id):
            row.fault = reason
    db.session.flush()


def _not_made(membership_id: str) -> list[Access]:
    is_waiting = Access.made_at.is_(None), Access.ending_at.is_(None)
    query = select(Access).where(Access.membership_id == membership_id, *is_waiting)
    return list(db.session.scalars(query.order_by(Access.id)))


def _token_cache(membership: Membership) -> timedelta:
    """How long services of the connection accept a token after its access was revoked."""
    cloud = db.session.get_one(Cloud, membership.cloud_id)
    connection = db.session.get_one(Connection, cloud.connection_id)
    return timedelta(seconds=connection.test_result.get("token_cache_seconds", 0))


def _lock(access_id: str) -> tuple[Access, Membership]:
    """The access, and its membership, which is locked."""
    membership = db.lock(Membership, db.session.get_one(Access, access_id).membership_id)
    return db.session.get_one(Access, access_id, populate_existing=True), membership


def _other(membership: Membership, condition: Any) -> str | None:
    """The ID of another membership of the person on the cloud."""
    query = select(Membership.id).where(
        Membership.cloud_id == membership.cloud_id, Membership.user_id == membership.user_id
    )
    return db.session.scalar(query.where(Membership.id != membership.id, condition).limit(1))


def _record(action: Action, membership: Membership, **facts: str) -> None:
    cloud = db.session.get_one(Cloud, membership.cloud_id)
    chain = clouds.audit_chain_of(cloud)
    audit.record(action, by=WORKER, chain=chain, thing=cloud.id, holder=membership.user_id, **facts)
