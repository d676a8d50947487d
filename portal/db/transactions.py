"""The session and its transactions, each of which either reads or writes.

A reading transaction can't write: SQLite runs it with `query_only`, PostgreSQL as READ ONLY.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from portal.db.dialects import SHORT_WAIT_MS
from portal.db.restoring import REMOVE_MARK, is_marked
from portal.db.schema import Base
from portal.db.unavailable import Reason, Unavailable, is_retryable, unavailable_from

log = structlog.get_logger(__name__)
T = TypeVar("T")
MAX_WRITE_ATTEMPTS = 3
extension = SQLAlchemy(model_class=Base, disable_autonaming=True)
session = extension.session


class CommittedError(Exception):
    """Ends a unit of work, which is committed all the same: what refuses it is counted in it. Raise
    it before anything else is changed."""


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


def write(unit: Callable[[], T], *, while_restoring: bool = False) -> T:
    """End the reading transaction, run `unit` in a writing one, commit, and return its result.

    If the database reports a deadlock or a serialization failure, the whole unit runs again, up to
    three times in all. It must therefore read again whatever it decides on. An exception but
    CommittedError rolls everything back. Raises Unavailable if the database is busy, full,
    read-only, away or being restored; the unit that ends a restore begins `while_restoring`.
    """
    if session.info.get("writing"):
        raise RuntimeError("a unit of work inside a unit of work")
    for attempt in range(1, MAX_WRITE_ATTEMPTS):
        try:
            return _write_once(unit, while_restoring=while_restoring)
        except Unavailable as error:
            cause = error.__cause__
            if not isinstance(cause, DBAPIError) or not is_retryable(cause):
                raise
            time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311 - only spreads retries
    return _write_once(unit, while_restoring=while_restoring)


def _write_once(unit: Callable[[], T], *, while_restoring: bool = False, **options: int) -> T:
    """Run `unit` in a writing transaction, and commit. Raises Unavailable."""
    is_committing = False
    try:
        session.rollback()
        session.info.pop("now", None)
        session.info.update(writing=True, deferred=[], after_commit=[])
        session.connection(execution_options={"writing": True, **options})
        if not while_restoring:
            refuse_restoring()
        outcome = _outcome(unit)
        run_deferred()
        session.flush()
        refuse_restoring()  # on PostgreSQL the unit may have read what was restored meanwhile
        is_committing = True
        session.commit()
        steps = session.info["after_commit"]
    except SQLAlchemyError as error:
        if (unavailable := unavailable_from(error, is_writing=True)) is None:
            raise
        unavailable.may_be_saved = is_committing and unavailable.reason is Reason.AWAY
        raise unavailable from error
    finally:
        try:
            session.rollback()
        finally:
            session.info.clear()
    for step in steps:
        _run_committed(step)
    if isinstance(outcome, CommittedError):
        raise outcome
    return outcome


def _outcome(unit: Callable[[], T]) -> T | CommittedError:
    try:
        return unit()
    except CommittedError as error:
        return error


def defer(key: str, step: Callable[[], None]) -> None:
    """Run `step` at the end of this unit of work. Steps run in the order of their keys, and in call
    order within one key."""
    session.info["deferred"].append((key, step))


def run_deferred() -> None:
    """Run the deferred steps now, as at the end. The demonstration, whose months are one unit of
    work, calls it before time goes on."""
    steps = sorted(session.info["deferred"], key=lambda entry: entry[0])
    session.info["deferred"].clear()
    for _key, step in steps:
        step()


def after_commit(step: Callable[[], object]) -> None:
    """Run `step` after this unit of work is committed, or never if it is rolled back. The step must
    not use the database; if it fails, the failure is logged, and the unit stays committed."""
    session.info["after_commit"].append(step)


def _run_committed(step: Callable[[], object]) -> None:
    try:
        step()
    except Exception:
        log.exception("after_commit.failed")


@contextmanager
def savepoint() -> Iterator[None]:
    """On an exception roll back the block, and drop its steps, but not the unit of work."""
    steps = [session.info[name] for name in ("deferred", "after_commit")]
    counts = [len(each) for each in steps]
    try:
        with session.begin_nested():
            yield
    except BaseException:
        for each, count in zip(steps, counts, strict=True):
            del each[count:]
        raise


def try_write(unit: Callable[[], T]) -> T | None:
    """As `write`, but once, and with a short wait. Returns None if the database is unavailable."""
    try:
        return _write_once(unit, wait_ms=SHORT_WAIT_MS)
    except Unavailable:
        return None


def read(load: Callable[[], T]) -> T:
    """The result of `load`, run in a new reading transaction that ends with it. For workers and
    commands; a request reads without it. Raises Unavailable."""
    try:
        session.rollback()
        session.info.pop("now", None)
        refuse_restoring()
        return load()
    except SQLAlchemyError as error:
        if unavailable := unavailable_from(error):
            raise unavailable from error
        raise
    finally:
        session.rollback()


def refuse_restoring() -> None:
    """Raise Unavailable while a restore has not parked the work of the restored database. A
    transaction that sees restored rows sees the mark from then on."""
    if is_marked(session.connection()):
        raise Unavailable(Reason.RESTORING)


def is_restoring() -> bool:
    """Whether the database has the mark; outside of transactions."""
    with extension.engine.connect() as connection:
        return is_marked(connection)


def end_restoring() -> None:
    """Remove the mark, in the unit of work that parks the work."""
    session.connection().exec_driver_sql(REMOVE_MARK)


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
