"""The session, and the transactions it runs: each reads or writes, and says so when it begins.

A reading transaction can not write: SQLite runs it with `query_only`, PostgreSQL as READ ONLY.
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

from portal.db.dialects import IMPATIENT_MS
from portal.db.schema import Base

T = TypeVar("T")
WRITE_TRIES = 3
RETRIED_SQLSTATES = {"40001", "40P01"}  # serialization failure, deadlock
extension = SQLAlchemy(model_class=Base, disable_autonaming=True)
session = extension.session


def cached(key: tuple[str, ...], load: Callable[[], T]) -> T:
    """What `load` returns, called once for the key in each reading transaction. A writing one calls
    it each time, since it may change what is loaded."""
    if session.info.get("writing"):
        return load()
    cache: dict[tuple[str, ...], T] = session.info.setdefault("cache", {})
    if key not in cache:
        cache[key] = load()
    return cache[key]


@event.listens_for(session, "after_transaction_end")
def _drop_cache(ended: Session, _transaction: object) -> None:
    ended.info.pop("cache", None)


def write(unit: Callable[[], T]) -> T:
    """End the read, run `unit` in one writing transaction, commit once, and return its result.

    The whole unit is run again, up to three times in all, when the database reports a deadlock, a
    serialization failure or a busy file; it must therefore re-read what it decides on. Whatever it
    raises rolls everything back.
    """
    if session.info.get("writing"):
        raise RuntimeError("a unit of work inside a unit of work")
    for attempt in range(1, WRITE_TRIES + 1):
        try:
            return _write_once(unit)
        except DBAPIError as error:
            if attempt == WRITE_TRIES or not _worth_another_try(error):
                raise
            time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311 - only spreads the tries
    raise AssertionError("unreachable")


def _write_once(unit: Callable[[], T], **options: int) -> T:
    session.rollback()
    session.info.pop("now", None)
    session.info.update(writing=True, deferred=[])
    try:
        session.connection(execution_options={"writing": True, **options})
        result = unit()
        for _key, step in sorted(session.info["deferred"], key=lambda deferred: deferred[0]):
            step()
        session.commit()
        return result
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info.clear()


def defer(key: str, step: Callable[[], None]) -> None:
    """Run `step` at the end of this unit of work: by key, and those of one key in call order."""
    session.info["deferred"].append((key, step))


@contextmanager
def savepoint() -> Iterator[None]:
    """Undo what fails inside, with what it deferred, and nothing else of this unit of work."""
    before = len(session.info["deferred"])
    try:
        with session.begin_nested():
            yield
    except BaseException:
        del session.info["deferred"][before:]
        raise


def _worth_another_try(error: DBAPIError) -> bool:
    sqlstate = getattr(error.orig, "sqlstate", None)
    return sqlstate in RETRIED_SQLSTATES or "database is locked" in str(error.orig)


def try_write(unit: Callable[[], T]) -> T | None:
    """As `write`, but where the database is busy, full or read-only it is let be: None, at once."""
    try:
        return _write_once(unit, patience=IMPATIENT_MS)
    except DBAPIError:
        return None


def read(question: Callable[[], T]) -> T:
    """Answer a question in a reading transaction of its own, closed at once (workers, commands)."""
    session.rollback()
    session.info.pop("now", None)
    try:
        return question()
    finally:
        session.rollback()


def lock(model: type[T], ident: str) -> T:
    """The row, fresh and held until the commit. Raises LookupError where it is gone."""
    # NO KEY UPDATE: rows that refer to this one by a foreign key may come meanwhile; with a full
    # lock two people who name each other wait for each other.
    row = session.get(model, ident, with_for_update={"key_share": True}, populate_existing=True)
    if row is None:
        raise LookupError(f"{model.__name__} {ident}")
    return row


def find(model: type[T], ident: str, actor: Any) -> T | None:
    """The row with this ID if it exists for `actor`; unknown and foreign are the same None."""
    if "\0" in ident:  # PostgreSQL does not even take the question
        return None
    rules: Any = model
    found: T | None = session.scalar(
        select(model).where(rules.id == ident, rules.visible_to(actor))
    )
    return found
