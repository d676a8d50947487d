"""Operators map people to their identities at a connection."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from portal import db
from portal.domain import access, audit, identity, locks
from portal.domain.access import CloudAccess
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud
from portal.domain.connections import Connection
from portal.domain.errors import Code, Refused
from portal.domain.identity import User
from portal.domain.memberships.record import CloudIdentity, Membership
from portal.domain.memberships.settling import create_for_mapped, end, order_revoke, settle_user

FEDERATION = "federation"
PAGE = 50


class Mapping(NamedTuple):
    """A person, and as whom they sign in at a connection."""

    person: User
    identity: CloudIdentity


def is_federated(connection: Connection) -> bool:
    """Whether people can sign in there with an identity of their own, as its last test found."""
    return FEDERATION in connection.test_result.get("abilities", ())


def mappings_for(actor: Actor, connection: Connection, *, after: str = "") -> list[Mapping]:
    """A page of the people that are mapped at the connection, by their ID, and one more if there is
    a next page. Operators only."""
    query = (
        select(User, CloudIdentity)
        .join(CloudIdentity, CloudIdentity.user_id == User.id)
        .join(Connection, Connection.id == CloudIdentity.connection_id)
        .where(Connection.visible_to(actor), Connection.id == connection.id, User.id > after)
    )
    return [Mapping(*row) for row in db.session.execute(query.order_by(User.id).limit(PAGE + 1))]


def map_person(
    user: User, connection: Connection, *, provider: str, subject: str, by: Actor
) -> None:
    """An operator says as whom a person signs in at a connection: the ID of an identity provider,
    and the person's ID there; with empty ones, as nobody. Their memberships there are revoked, and
    their roles by hand are ordered for the new identity.

    Raises ReauthenticationRequired, Forbidden, Refused("connection-unfederated",
    "identity-taken").
    """
    locks.lock((User, user.id), (User, None if by.is_system else by.id))
    identity.require_recent(by)
    access.require_operator(by, Action.USER_MAP)
    connection = db.lock(Connection, connection.id)
    if not is_federated(connection):
        raise Refused(Code.CONNECTION_UNFEDERATED)
    earlier = db.session.get(CloudIdentity, (user.id, connection.id))
    if earlier is not None:
        db.session.delete(earlier)
        db.session.flush()
    if subject:
        _add(user, connection, provider, subject)
    clouds = select(Cloud.id).where(Cloud.connection_id == connection.id)
    is_theirs = Membership.user_id == user.id, Membership.cloud_id.in_(clouds)
    query = locks.select_for_update(Membership.id, *is_theirs, Membership.revoking_at.is_(None))
    former = [
        db.session.get_one(Membership, membership_id, populate_existing=True)
        for membership_id in db.session.scalars(query).all()
    ]
    for membership in former:
        end(membership)
    create_for_mapped(CloudAccess.user_id == user.id)  # before jobs are locked
    for membership in former:
        order_revoke(membership)
    chain, facts = audit.INSTALLATION, {"connection": connection.id}
    audit.record(Action.USER_MAP, by=by, chain=chain, thing=user.id, **facts)
    settle_user(user.id)


def _add(user: User, connection: Connection, provider: str, subject: str) -> None:
    ids = {"user_id": user.id, "connection_id": connection.id}
    db.session.add(CloudIdentity(**ids, provider=provider, subject=subject))
    try:
        with db.savepoint():
            db.session.flush()
    except IntegrityError as error:
        raise Refused(Code.IDENTITY_TAKEN) from error
