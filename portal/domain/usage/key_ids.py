"""IDs of keys: each key of a source has one, and its cloud, if it is known."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import and_, insert, select

from portal import db
from portal.domain.clouds import Cloud, Link
from portal.domain.usage.record import Delivery, UsageKey, UsageSource
from portal.domain.usage.staging import KeyIds, Staging, hold


def identify_keys(staging: Staging, keys: Sequence[str]) -> KeyIds:
    """The IDs of up to some thousand keys of the source; new ones are added, with their cloud if
    they are its ID, or, of a connection's source, its external ID there. Raises LeaseLost."""
    delivery = db.session.get_one(Delivery, staging.delivery_id)
    source = db.lock(UsageSource, delivery.source_id)
    hold(staging)
    is_key = UsageKey.source_id == source.id, UsageKey.key.in_(keys)
    new = set(keys).difference(db.session.scalars(select(UsageKey.key).where(*is_key)))
    clouds = _clouds_of(source, new)
    rows = [
        {
            "id": ident,
            "source_id": source.id,
            "key": key,
            "cloud_id": clouds.get(key),
        }
        for ident, key in zip(_new_ids(len(new)), sorted(new), strict=True)
    ]
    if rows:
        db.session.execute(insert(UsageKey), rows)
    is_first = and_(Link.cloud_id == UsageKey.cloud_id, Link.continues_at.is_(None))
    query = select(UsageKey.key, UsageKey.id, Link.since_at).outerjoin(Link, is_first)
    found = list(db.session.execute(query.where(*is_key)))
    since = {row[0]: row[2] for row in found if row[2] is not None}
    return KeyIds({row[0]: row[1] for row in found}, since, source.assignments)


def _clouds_of(source: UsageSource, keys: Collection[str]) -> dict[str, str]:
    """The IDs of the clouds that the keys name."""
    if source.connection_id is None:
        ids = db.session.scalars(select(Cloud.id).where(Cloud.id.in_(keys)))
        return {cloud_id: cloud_id for cloud_id in ids}
    is_there = Cloud.connection_id == source.connection_id, Cloud.external_id.in_(keys)
    rows = db.session.execute(select(Cloud.external_id, Cloud.id).where(*is_there))
    return {str(external_id): cloud_id for external_id, cloud_id in rows}


def _new_ids(count: int) -> list[str]:
    """So many IDs of one instant, all different."""
    ids: set[str] = set()
    while len(ids) < count:
        ids.add(db.new_id("uky"))
    return sorted(ids)
