"""IDs of keys: each key of a source has one, and its cloud, if it is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import insert, select

from portal import db
from portal.domain.clouds import Cloud, Link
from portal.domain.usage.record import Delivery, UsageKey, UsageSource
from portal.domain.usage.staging import KeyIds, Staging, hold

KEYS_BATCH = 5_000


def identify_keys(staging: Staging, keys: Sequence[str]) -> KeyIds:
    """The IDs of the source's keys; new ones are added, with their cloud if they are its ID. Raises
    LeaseLost."""
    delivery = db.session.get_one(Delivery, staging.delivery_id)
    source = db.lock(UsageSource, delivery.source_id)
    hold(staging)
    ids: dict[str, str] = {}
    since: dict[str, datetime] = {}
    for batch in _batches(keys):
        known = select(UsageKey.key).where(UsageKey.source_id == source.id, UsageKey.key.in_(batch))
        new = set(batch).difference(db.session.scalars(known))
        clouds = set(db.session.scalars(select(Cloud.id).where(Cloud.id.in_(new))))
        rows = [
            {
                "id": ident,
                "source_id": source.id,
                "key": key,
                "cloud_id": key if key in clouds else None,
            }
            for ident, key in zip(_new_ids(len(new)), sorted(new), strict=True)
        ]
        if rows:
            db.session.execute(insert(UsageKey), rows)
        is_first = Link.cloud_id == UsageKey.cloud_id, Link.continues_at.is_(None)
        query = (
            select(UsageKey.key, UsageKey.id, Link.since_at)
            .outerjoin(Link, is_first[0] & is_first[1])
            .where(UsageKey.source_id == source.id, UsageKey.key.in_(batch))
        )
        for key, ident, since_at in db.session.execute(query):
            ids[key] = ident
            if since_at is not None:
                since[key] = since_at
    return KeyIds(ids, since, source.assignments)


def _new_ids(count: int) -> list[str]:
    """So many IDs of one instant, all different."""
    ids: set[str] = set()
    while len(ids) < count:
        ids.add(db.new_id("uky"))
    return sorted(ids)


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin_at in range(0, len(keys), KEYS_BATCH):
        yield keys[begin_at : begin_at + KEYS_BATCH]
