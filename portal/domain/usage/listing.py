"""Lists of usage: deliveries with their sums, unassigned keys, what is before the portal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, or_, select

from portal import db
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud
from portal.domain.usage.amounts import exact, total
from portal.domain.usage.record import (
    Delivery,
    DeliveryKey,
    DeliveryScope,
    State,
    UsageKey,
    UsageSource,
    counts,
)

PAGE = 50


class Sum(NamedTuple):
    """Rows and their exact sum."""

    rows: int = 0
    amount: Decimal = Decimal(0)


class Preview(NamedTuple):
    """What a delivery says: of clouds that match nothing, and *before the portal*."""

    unassigned: Sum
    before: Sum
    periods: list[DeliveryScope]


class Periods(NamedTuple):
    """The first and the last billing period of a delivery, and how many of them are in force."""

    first_on: date
    last_on: date
    open: int


class UnassignedKey(NamedTuple):
    """A key that names no cloud, with its rows in force."""

    id: str
    key: str
    source: str
    first_on: date
    last_on: date
    sum: Sum


class AssignedKey(NamedTuple):
    """A key that an operator has assigned, and the cloud's name."""

    id: str
    key: str
    source: str
    cloud_id: str
    cloud: str


class CloudBefore(NamedTuple):
    """A cloud with rows in force before its first link."""

    cloud_id: str
    name: str
    sum: Sum


def deliveries_for(actor: Actor, *, before: str = "") -> list[Delivery]:
    """A page of deliveries, newest first, and one more if there is a next page; `before` is the ID
    of the previous page's last."""
    query = select(Delivery).where(Delivery.visible_to(actor))
    if before:
        query = query.where(Delivery.id < before)
    return list(db.session.scalars(query.order_by(Delivery.id.desc()).limit(PAGE + 1)))


def periods_of(rows: Sequence[Delivery]) -> dict[str, Periods]:
    """The billing periods of deliveries, by their IDs; of those that have some. The caller checks
    visibility."""
    scope = DeliveryScope.scope_on
    open_scopes = func.count().filter(DeliveryScope.ended_at.is_(None))
    query = select(DeliveryScope.delivery_id, func.min(scope), func.max(scope), open_scopes)
    query = query.where(DeliveryScope.delivery_id.in_([row.id for row in rows]))
    found = db.session.execute(query.group_by(DeliveryScope.delivery_id))
    return {row[0]: Periods(*row[1:]) for row in found}


def latest_for(actor: Actor, *, limit: int) -> list[Delivery]:
    """The newest delivery of each source, the newest of these first."""
    newest = select(func.max(Delivery.id)).group_by(Delivery.source_id)
    query = select(Delivery).where(Delivery.visible_to(actor), Delivery.id.in_(newest))
    return list(db.session.scalars(query.order_by(Delivery.id.desc()).limit(limit)))


def count_staged(actor: Actor) -> tuple[int, datetime | None]:
    """How many deliveries wait to be published or discarded, and when the oldest was added."""
    query = select(func.count(), func.min(Delivery.created_at))
    query = query.where(Delivery.visible_to(actor), Delivery.state == State.STAGED)
    count, since = db.session.execute(query).one()
    return count, since


def preview(delivery: Delivery) -> Preview:
    """What a staged or published delivery says. The caller checks visibility."""
    query = (
        select(*_sums(DeliveryKey), UsageKey.cloud_id.is_(None).label("is_unassigned"))
        .join(UsageKey, UsageKey.id == DeliveryKey.key_id)
        .where(DeliveryKey.delivery_id == delivery.id)
        .group_by("is_unassigned")
    )
    unassigned, before = Sum(), Sum()
    for *sums, is_unassigned in db.session.execute(query):
        if is_unassigned:
            unassigned = _sum(sums[:3])
        else:
            before = _sum(sums[3:])
    scopes = select(DeliveryScope).where(DeliveryScope.delivery_id == delivery.id)
    periods = list(db.session.scalars(scopes.order_by(DeliveryScope.scope_on)))
    return Preview(unassigned, before, periods)


def unassigned_for(actor: Actor, *, limit: int | None = None) -> list[UnassignedKey]:
    """Keys without a cloud that have rows in force, by source and key."""
    days = func.min(DeliveryKey.first_on), func.max(DeliveryKey.last_on)
    query = (
        select(UsageKey.id, UsageKey.key, UsageSource.name, *days, *_sums(DeliveryKey)[:3])
        .join(DeliveryKey, DeliveryKey.key_id == UsageKey.id)
        .join(UsageSource, UsageSource.id == UsageKey.source_id)
        .where(UsageKey.visible_to(actor), UsageKey.cloud_id.is_(None), counts(DeliveryKey))
        .group_by(UsageKey.id, UsageSource.name, UsageSource.name_key)
        .order_by(UsageSource.name_key, UsageKey.key)
        .limit(limit)
    )
    return [UnassignedKey(*row[:5], _sum(row[5:])) for row in db.session.execute(query)]


def assigned_for(actor: Actor, *, limit: int | None = None) -> list[AssignedKey]:
    """Keys that operators have assigned, by source and key."""
    query = (
        select(UsageKey.id, UsageKey.key, UsageSource.name, Cloud.id, Cloud.name)
        .join(UsageSource, UsageSource.id == UsageKey.source_id)
        .join(Cloud, Cloud.id == UsageKey.cloud_id)
        .where(UsageKey.visible_to(actor), UsageKey.assigned_at.is_not(None))
        .order_by(UsageSource.name_key, UsageKey.key)
        .limit(limit)
    )
    return [AssignedKey._make(row) for row in db.session.execute(query)]


def count_unassigned(actor: Actor) -> int:
    """How many keys `unassigned_for` lists."""
    query = (
        select(func.count(UsageKey.id.distinct()))
        .join(DeliveryKey, DeliveryKey.key_id == UsageKey.id)
        .where(UsageKey.visible_to(actor), UsageKey.cloud_id.is_(None), counts(DeliveryKey))
    )
    return db.session.execute(query).scalar_one()


def before_for(actor: Actor, *, limit: int | None = None) -> list[CloudBefore]:
    """Clouds with rows in force before the portal, by name."""
    query = (
        select(Cloud.id, Cloud.name, *_sums(DeliveryKey)[3:])
        .join(UsageKey, UsageKey.cloud_id == Cloud.id)
        .join(DeliveryKey, DeliveryKey.key_id == UsageKey.id)
        .where(UsageKey.visible_to(actor), counts(DeliveryKey), DeliveryKey.before_rows > 0)
        .group_by(Cloud.id, Cloud.name, Cloud.name_key)
        .order_by(Cloud.name_key, Cloud.id)
        .limit(limit)
    )
    return [CloudBefore(*row[:2], _sum(row[2:])) for row in db.session.execute(query)]


def find_key(source: UsageSource, key: str) -> UsageKey | None:
    """The key of a source."""
    is_it = UsageKey.source_id == source.id, UsageKey.key == key
    return db.session.scalar(select(UsageKey).where(*is_it))


def find_cloud(text: str) -> Cloud | None:
    """The cloud with this ID, or the only one with this name."""
    is_it = or_(Cloud.id == text, Cloud.name == text)
    found = list(db.session.scalars(select(Cloud).where(is_it).limit(2)))
    return found[0] if len(found) == 1 else None


def _sums(row: type[DeliveryKey]) -> tuple[ColumnElement[int], ...]:
    columns = (row.rows, row.micros, row.rest, row.before_rows, row.before_micros, row.before_rest)
    return tuple(total(column) for column in columns)  # type: ignore[arg-type]


def _sum(values: Sequence[Any]) -> Sum:
    rows, micros, rest = values
    return Sum(int(rows), exact(micros, rest))
