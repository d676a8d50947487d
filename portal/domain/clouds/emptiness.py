"""Whether a cloud is empty: what is not built in is asked of its connection, by a job."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from portal import db
from portal.domain import jobs
from portal.domain.clouds.listing import payer_of
from portal.domain.clouds.record import Cloud, Folder
from portal.domain.connections import Connection, Kind
from portal.domain.jobs import OrderKind

COUNTS_FOR = timedelta(minutes=10)
"""After the answer."""


def is_unused(cloud: Cloud) -> bool:
    """Whether nothing can be in the cloud: it has only its default folder, and is either built in,
    or was never asked for at its connection, or the connection has just said that it is empty. In
    doubt it is in use."""
    connection = db.session.get_one(Connection, cloud.connection_id)
    is_there = cloud.carried_out_at is not None or cloud.asked_at is not None
    if connection.kind != Kind.BUILTIN and is_there and not _is_known_empty(cloud):
        return False
    return not _has_folders(cloud)


def ask_whether_empty(cloud: Cloud) -> bool:
    """Have the connection asked whether the cloud is empty. Return False if that changes nothing:
    nobody can be asked, or has just answered."""
    connection = db.session.get_one(Connection, cloud.connection_id)
    asks = connection.spec is not None and connection.spec.asks
    if not asks or cloud.external_id is None or _is_known(cloud) or _has_folders(cloud):
        return False
    payer_id = payer_of(cloud).id
    jobs.add_order(
        OrderKind.CHECK_EMPTY, cloud.id, connection_id=connection.id, account_id=payer_id
    )
    return True


def record_emptiness(cloud_id: str, *, is_empty: bool | None) -> None:
    """Keep what the connection has said."""
    cloud = db.lock(Cloud, cloud_id)
    cloud.emptiness_at, cloud.is_empty_there = db.now(), is_empty
    db.session.flush()


def _is_known(cloud: Cloud) -> bool:
    return cloud.emptiness_at is not None and cloud.emptiness_at > db.now() - COUNTS_FOR


def _is_known_empty(cloud: Cloud) -> bool:
    return _is_known(cloud) and cloud.is_empty_there is True


def _has_folders(cloud: Cloud) -> bool:
    """Whether it has others than the default one."""
    query = select(Folder.id).where(Folder.cloud_id == cloud.id, ~Folder.is_default)
    return db.session.scalar(query.limit(1)) is not None
