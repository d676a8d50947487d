"""The memberships of a cloud, as its owners see them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import and_, or_, select

from portal import db
from portal.domain.clouds import Cloud
from portal.domain.connections import Connection
from portal.domain.identity import User
from portal.domain.memberships.record import Membership, Progress

LISTED_FOR = timedelta(days=1)
"""After the end of open sign-ins."""


class Standing(NamedTuple):
    """A person with their membership of the cloud."""

    person: User
    membership: Membership


class OnCloud(NamedTuple):
    """Who has access at the connection, by the ID of the user, and who loses it, or lost it
    lately, the latest first."""

    holding: dict[str, Standing]
    losing: list[Standing]


def is_carried_out(cloud: Cloud) -> bool:
    """Whether the access of people is carried out at a connection."""
    key = ("connection", cloud.connection_id)
    connection = db.load_once(key, lambda: db.session.get_one(Connection, cloud.connection_id))
    return connection.spec is None or connection.spec.asks


def standing_of(cloud: Cloud, user_id: str | None) -> Standing | None:
    """The person's membership of the cloud: the open one, else the one that ended last; None if
    they have none. The caller has checked that the actor may see it."""
    holding, losing = memberships_of(cloud)
    ended = next((one for one in losing if one.person.id == user_id), None)
    return holding.get(user_id or "", ended)


def progress_of(user_id: str) -> tuple[Counter[Progress], datetime | None]:
    """On how many clouds the person's access is how far, revoked ones only while sign-ins
    are open; and when those end. The caller has checked that the actor may see it."""
    is_late = or_(Membership.revoked_at.is_(None), Membership.ends_by > db.now())
    query = select(Membership).where(Membership.user_id == user_id, is_late)
    rows = list(db.session.scalars(query))
    return Counter(row.progress for row in rows), max(
        (row.ends_by for row in rows if row.ends_by), default=None
    )


def memberships_of(cloud: Cloud) -> OnCloud:
    """The memberships of the cloud. The caller has checked that the actor may see them."""
    is_late = or_(Membership.revoked_at.is_(None), Membership.ends_by > db.now() - LISTED_FOR)
    query = (
        select(User, Membership)
        .join(Membership, Membership.user_id == User.id)
        .where(and_(Membership.cloud_id == cloud.id, is_late))
    )
    rows = [Standing(*row) for row in db.session.execute(query.order_by(Membership.id.desc()))]
    holding = {row.person.id: row for row in rows if row.membership.revoking_at is None}
    return OnCloud(holding, [row for row in rows if row.membership.revoking_at is not None])
