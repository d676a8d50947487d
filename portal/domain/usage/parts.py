"""Kept rows: the pieces of a delivery, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from portal import db
from portal.domain.usage.record import DeliveryPart, PartKind


def part_numbers(delivery_id: str) -> list[int]:
    """The numbers of the pieces with amounts."""
    is_part = DeliveryPart.delivery_id == delivery_id, DeliveryPart.kind == PartKind.AMOUNTS
    query = select(DeliveryPart.number).where(*is_part).order_by(DeliveryPart.number)
    return list(db.session.scalars(query))


def part(delivery_id: str, number: int) -> bytes:
    """The rows of a piece as Parquet."""
    return db.session.get_one(DeliveryPart, (delivery_id, number, PartKind.AMOUNTS)).content


def parts_of(delivery_id: str) -> Iterator[bytes]:
    """The kept rows of a delivery, piece by piece, in the current transaction."""
    for number in part_numbers(delivery_id):
        yield part(delivery_id, number)
