"""Erasing: tags, names and unknown columns of a customer's rows, which are kept apart as extras."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select, update

from portal import db
from portal.domain.clouds import Link
from portal.domain.usage.parts import part
from portal.domain.usage.record import Delivery, DeliveryKey, DeliveryPart, PartKind, UsageKey
from portal.usage_files import Owned


class Extras(NamedTuple):
    """Extras of a piece, with the amounts of the same rows; both as Parquet."""

    amounts: bytes
    extras: bytes


def rows_of(account_id: str) -> list[Owned]:
    """The rows that are an account's: by key, while its cloud is or was linked to the account."""
    query = (
        select(UsageKey.key, Link.since_at, Link.until_at)
        .join(Link, Link.cloud_id == UsageKey.cloud_id)
        .where(Link.account_id == account_id)
    )
    return [Owned(*row) for row in db.session.execute(query.distinct())]


def pieces_with(account_id: str) -> list[tuple[str, int]]:
    """The deliveries and numbers of extras that may have such rows."""
    clouds = select(Link.cloud_id).where(Link.account_id == account_id)
    keys = select(UsageKey.id).where(UsageKey.cloud_id.in_(clouds))
    deliveries = select(DeliveryKey.delivery_id).where(DeliveryKey.key_id.in_(keys))
    is_theirs = DeliveryPart.delivery_id.in_(deliveries), DeliveryPart.kind == PartKind.EXTRAS
    query = select(DeliveryPart.delivery_id, DeliveryPart.number).where(*is_theirs)
    ordered = query.order_by(DeliveryPart.delivery_id, DeliveryPart.number)
    return [(row[0], row[1]) for row in db.session.execute(ordered)]


def extras(delivery_id: str, number: int) -> Extras | None:
    """A piece; None if it was purged meanwhile."""
    row = db.session.get(DeliveryPart, (delivery_id, number, PartKind.EXTRAS))
    return Extras(part(delivery_id, number), row.content) if row else None


def replace_extras(delivery_id: str, number: int, content: bytes) -> None:
    """Keep these extras of a piece in the place of those that there are."""
    db.lock(Delivery, delivery_id)
    is_it = DeliveryPart.delivery_id == delivery_id, DeliveryPart.number == number
    statement = update(DeliveryPart).where(*is_it, DeliveryPart.kind == PartKind.EXTRAS)
    db.session.execute(statement.values(content=content))
