"""Lists for operators: the drift of a connection, and the clouds that only the connection has."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, exists, func, select

from portal import db
from portal.domain import memberships
from portal.domain.access import CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud, Link
from portal.domain.connections import Connection
from portal.domain.drift.record import (
    ADOPTABLE,
    RESTORABLE,
    SUSPENSIONS,
    Drift,
    DriftKind,
    FoundCloud,
    Reconciliation,
)
from portal.domain.errors import Code, Refused
from portal.domain.identity import User
from portal.domain.memberships import Membership

PAGE = 50


class DriftRow(NamedTuple):
    """A difference that is to be decided, and its cloud. `member`: the name of the person of whom
    the role is, if the connection made them; `role`: the one that is carried out of them;
    `has_partner`: whether a partner's customer pays."""

    drift: Drift
    cloud: Cloud
    member: str | None
    role: CloudRole | None
    has_partner: bool

    @property
    def may_adopt(self) -> bool:
        return self.drift.kind in ADOPTABLE

    @property
    def may_restore(self) -> bool:
        is_foreign = self.drift.kind is DriftKind.ROLE and self.member is None
        return self.drift.kind in RESTORABLE and not is_foreign

    @property
    def may_do_by_hand(self) -> bool:
        """Whether one of the decisions is possible by hand only."""
        if self.drift.kind in SUSPENSIONS:
            return self.has_partner
        return not (self.may_adopt and self.may_restore)


def drift_for(actor: Actor, connection: Connection, *, after: str = "") -> list[DriftRow]:
    """A page of what differs at the connection and is not accepted, the oldest first, and one more
    if there is a next page. `after` is an ID. Operators only."""
    query = _open(actor).where(Drift.connection_id == connection.id)
    if after:
        query = query.where(Drift.id > after)
    rows = db.session.execute(query.order_by(Drift.id).limit(PAGE + 1))
    return [DriftRow(*row) for row in rows]


def find_drift(actor: Actor, drift_id: str) -> DriftRow | None:
    """The difference with this ID, if it is to be decided."""
    row = db.session.execute(_open(actor).where(Drift.id == drift_id)).first()
    return None if row is None else DriftRow(*row)


def suspended_since(cloud: Cloud) -> datetime | None:
    """Since when the cloud is known to be suspended at its connection while its payer is not. The
    caller has checked that the actor sees the cloud."""
    is_it = Drift.cloud_id == cloud.id, Drift.kind == DriftKind.SUSPENDED
    return db.session.scalar(select(Drift.found_at).where(*is_it))


def refusal_to_get_access(cloud: Cloud) -> Refused | None:
    """Why the cloud gives nobody an access now: as `memberships.refusal_to_get`, or because it is
    known to be suspended there."""
    refusal = memberships.refusal_to_get(cloud)
    return refusal or (Refused(Code.CLOUD_SUSPENDED) if suspended_since(cloud) else None)


def numbers_by_connection() -> dict[str, tuple[int, datetime]]:
    """How many differences are to be decided, and since when the oldest is known, by the ID of the
    connection."""
    numbers = func.count(), func.min(Drift.found_at)
    query = select(Drift.connection_id, *numbers).where(Drift.accepted_at.is_(None))
    rows = db.session.execute(query.group_by(Drift.connection_id))
    return {connection_id: (count, since) for connection_id, count, since in rows}


def foreign_clouds(connection: Connection, *, after: str = "") -> list[FoundCloud]:
    """A page of the clouds that the connection had at the last reconciliation and the portal has
    not, by external ID, and one more if there is a next page."""
    query = _foreign(connection)
    if after:
        query = query.where(FoundCloud.external_id > after)
    return list(db.session.scalars(query.order_by(FoundCloud.external_id).limit(PAGE + 1)))


def foreign_cloud(connection: Connection, external_id: str) -> FoundCloud | None:
    """The cloud with this ID in that list."""
    row: FoundCloud | None = db.session.scalar(
        _foreign(connection).where(FoundCloud.external_id == external_id)
    )
    return row


def reconciliation_of(connection: Connection) -> Reconciliation | None:
    """When the connection was compared last, and what went wrong since."""
    return db.session.get(Reconciliation, connection.id)


def _open(actor: Actor) -> Any:
    is_paying = and_(Link.account_id == BillingAccount.id, Link.until_at.is_(None))
    has_partner = exists().where(
        is_paying, Link.cloud_id == Drift.cloud_id, BillingAccount.parent_id.is_not(None)
    )
    is_its = and_(Membership.id == Drift.theirs, Membership.cloud_id == Drift.cloud_id)
    query = select(Drift, Cloud, User.name, Membership.role, has_partner)
    query = query.join(Cloud, Cloud.id == Drift.cloud_id)
    query = query.outerjoin(Membership, is_its).outerjoin(User, User.id == Membership.user_id)
    return query.where(Drift.visible_to(actor), Drift.accepted_at.is_(None))


def _foreign(connection: Connection) -> Any:
    """Doubled clouds, which are marked as one of ours, are drift."""
    is_here = exists().where(
        Cloud.connection_id == FoundCloud.connection_id,
        Cloud.external_id == FoundCloud.external_id,
    )
    is_double = exists().where(
        Cloud.id == FoundCloud.our_id, Cloud.connection_id == FoundCloud.connection_id
    )
    return (
        select(FoundCloud)
        .join(Reconciliation, Reconciliation.connection_id == FoundCloud.connection_id)
        .where(FoundCloud.connection_id == connection.id, FoundCloud.run == Reconciliation.run)
        .where(~is_here, ~is_double)
    )
