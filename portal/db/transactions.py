"""The session and its transactions, each of which either reads or writes.

A reading transaction can't write: SQLite runs it with `query_only`, PostgreSQL as READ ONLY.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal.db.dialects import SQLITE_SHORT_BUSY_MS
from portal.db.schema import Base

T = TypeVar("T")
MAX_WRITE_ATTEMPTS = 3
RETRYABLE_SQLSTATES = {"40001", "40P01"}  # serialization failure, deadlock
extension = SQLAlchemy(model_class=Base, disable_autonaming=True)
session = extension.session


def load_once(key: tuple[str, ...], load: Callable[[], T]) -> T:
    """The result of `load`, which is called once for each key in a reading transaction. A writing
    transaction calls it each time, because it may change what is loaded."""
    if session.info.get("writing"):
        return load()
    cache: dict[tuple[str, ...], T] = session.info.setdefault("cache", {})
    if key not in cache:
        cache[key] = load()
    return cache[key]


@event.listens_for(session, "after_transaction_end")
def _drop_cache(ended_session: Session, _transaction: object) -> None:
    ended_session.info.pop("cache", None)


def write(unit: Callable[[], T]) -> T:
    """End the reading transaction, run `unit` in a writing one, commit, and return its result.

    If the database reports a deadlock, a serialization failure or a busy file, the whole unit runs
    again, up to three times in all. It must therefore read again whatever it decides on. An
    exception rolls everything back.
    """
    if session.info.get("writing"):
        raise RuntimeError("a unit of work inside a unit of work")
    for attempt in range(1, MAX_WRITE_ATTEMPTS + 1):
        try:
            return _write_once(unit)
        except DBAPIError as error:
            if attempt == MAX_WRITE_ATTEMPTS or not _is_retryable(error):
                raise
            time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311 - only spreads retries
    raise AssertionError("unreachable")


def _write_once(unit: Callable[[], T], **options: int) -> T:
    session.rollback()
    session.info.pop("now", None)
    session.info.update(writing=True, deferred=[])
    try:
        session.connection(execution_options={"writing": True, **options})
        result = unit()
        for _key, step in sorted(session.info["deferred"], key=lambda entry: entry[0]):
            step()
        session.commit()
        return result
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info.clear()


def defer(key: str, step: Callable[[], None]) -> None:
    """Run `step` at the end of this unit of work. Steps run in the order of their keys, and in call
    order within one key."""
    session.info["deferred"].append((key, step))


@contextmanager
def savepoint() -> Iterator[None]:
    """On an exception roll back the block and its deferred steps, but not the unit of work."""
    count = len(session.info["deferred"])
    try:
        with session.begin_nested():
            yield
    except BaseException:
        del session.info["deferred"][count:]
        raise


def _is_retryable(error: DBAPIError) -> bool:
    sqlstate = getattr(error.orig, "sqlstate", None)
    return sqlstate in RETRYABLE_SQLSTATES or "database is locked" in str(error.orig)


def try_write(unit: Callable[[], T]) -> T | None:
    """As `write`, but without retries: returns None if the database is busy, full or read-only."""
    try:
        return _write_once(unit, busy_ms=SQLITE_SHORT_BUSY_MS)
    except DBAPIError:
        return None


def read(load: Callable[[], T]) -> T:
    """The result of `load`, run in a new reading transaction that ends with it. For workers and
    commands; a request reads without it."""
    session.rollback()
    session.info.pop("now", None)
    try:
        return load()
    finally:
        session.rollback()


def lock(model: type[T], row_id: str) -> T:
    """Lock the row until the commit, and return it as it is now. Raises LookupError if there is
    none."""
    # FOR NO KEY UPDATE: others may still insert rows that refer to this one. With FOR UPDATE, two
    # transactions that insert references to each other's locked rows would deadlock.
    row = session.get(model, row_id, with_for_update={"key_share": True}, populate_existing=True)
    if row is None:
        raise LookupError(f"{model.__name__} {row_id}")
    return row


def find(model: type[T], row_id: str, actor: Any) -> T | None:
    """The row with this ID if `actor` can see it, else None."""
    if "\0" in row_id:  # PostgreSQL refuses such a parameter
        return None
    table: Any = model
    query = select(model).where(table.id == row_id, table.visible_to(actor))
    row: T | None = session.scalar(query)
    return row
