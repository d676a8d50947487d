"""Retention: expired rows are deleted in batches, so that other writers wait only briefly."""

from __future__ import annotations

from sqlalchemy import ColumnExpressionArgument, delete, inspect, select, tuple_

from portal import db

BATCH = 500


def delete_batch(model: type[db.Base], *is_expired: ColumnExpressionArgument[bool]) -> bool:
    """Delete up to BATCH rows under these conditions, without those that another transaction has
    locked. Return whether there may be more."""
    keys = inspect(model).primary_key
    query = select(*keys).where(*is_expired).limit(BATCH).with_for_update(skip_locked=True)
    rows = [tuple(row) for row in db.session.execute(query)]
    if rows:
        db.session.execute(delete(model).where(tuple_(*keys).in_(rows)))
    return len(rows) == BATCH
