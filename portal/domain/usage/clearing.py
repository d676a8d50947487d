"""Clearing: delete what a delivery has staged or uploaded, in batches."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select

from portal import db
from portal.domain.usage.record import (
    DeliveryKey,
    DeliveryPart,
    DeliveryScope,
    DeliveryUpload,
    UsageGroup,
)

PARTS_BATCH, GROUPS_BATCH = 10, 50_000
"""Rows that are deleted in one transaction."""


def clear_some(delivery_id: str, *, with_upload: bool = False) -> bool:
    """Delete a batch of what a delivery has staged. Return whether there may be more."""
    parts = delete_batch(DeliveryPart, delivery_id, PARTS_BATCH)
    groups = delete_batch(UsageGroup, delivery_id, GROUPS_BATCH)
    for model in (DeliveryKey, DeliveryScope):
        db.session.execute(delete(model).where(model.delivery_id == delivery_id))
    uploads = with_upload and delete_batch(DeliveryUpload, delivery_id, PARTS_BATCH)
    return parts or groups or uploads


def delete_batch(model: Any, delivery_id: str, size: int) -> bool:
    """Delete up to `size` of a delivery's rows, by their numbers. Return whether there may be
    more."""
    numbers = select(model.number).where(model.delivery_id == delivery_id)
    first = numbers.order_by(model.number).limit(size).subquery()
    is_first = model.number.in_(select(first.c.number))
    result: Any = db.session.execute(
        delete(model).where(model.delivery_id == delivery_id, is_first)
    )
    return bool(result.rowcount >= size)
