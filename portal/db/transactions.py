"""Engine and session: transactions, IDs, UTC time, exact money, what an actor may see.

Every transaction is either reading or writing, and says which when it begins. A reading one can
not write: SQLite runs it with `query_only`, PostgreSQL as READ ONLY. A writing one begins IMMEDIATE
on SQLite, because a deferred transaction that reads first and writes later loses updates or fails
with "locked" at once, whatever the timeout.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Enum,
    MetaData,
    String,
    event,
    func,
    select,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session, registry
from sqlalchemy.types import TypeDecorator

T = TypeVar("T")

ALPHABET = "0123456789abcdefghijklmnopqrstuv"
MICRO = Decimal("0.000001")
WRITE_TRIES = 3
SQLITE_BUSY_MS, IMPATIENT_MS = 10_000, 100
RETRIED_SQLSTATES = {"40001", "40P01"}  # serialization failure, deadlock


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant in UTC; SQLite, which has no zones, stores it naive."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant without a zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Money(TypeDecorator[Decimal]):
    """An amount in the installation's currency, stored as an integer of 10⁻⁶."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        exact = value.quantize(MICRO)  # scaleb alone would round what has more than 28 digits
        if exact != value:
            raise ValueError(f"{value} has more than six decimal places")
        return int(exact.scaleb(6))

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value).scaleb(-6)


def enum_column(kind: type[StrEnum], name: str) -> Enum:
    """A column of one of the enum's values, held by a named CHECK on both databases."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        length=48,
        name=name,
        values_callable=lambda members: [member.value for member in members],
    )


class Base(DeclarativeBase):
    """All tables. A model that does not say who sees it is seen by nobody."""

    # A registry, because Flask-SQLAlchemy copies the class and SQLAlchemy refuses the map twice.
    registry = registry(
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
        type_annotation_map={
            datetime: UtcDateTime(),
            Decimal: Money(),
            str: String(),
            dict[str, Any]: JSON(),
        },
    )

    @classmethod
    def visible_to(cls, actor: Any) -> ColumnElement[bool]:
        """The rows that exist for `actor`. Raises NotImplementedError where no rule is written."""
        raise NotImplementedError(f"{cls.__name__} has no rule about who sees it")


extension = SQLAlchemy(model_class=Base, disable_autonaming=True)
session = extension.session


def new_id(prefix: str) -> str:
    """`prefix` + 17 characters of [0-9a-v]: 9 of the millisecond, 8 random. Sorts by creation."""
    millis = int(now().timestamp() * 1000)
    stamp = "".join(ALPHABET[millis >> shift & 31] for shift in range(40, -5, -5))
    return prefix + stamp + "".join(secrets.choice(ALPHABET) for _ in range(8))


def _database_clock() -> datetime:
    if session.get_bind().dialect.name == "postgresql":
        there: datetime = session.execute(select(func.transaction_timestamp())).scalar_one()
        return there.astimezone(UTC)
    return datetime.now(UTC)


clock: Callable[[], datetime] = _database_clock
"""Where `now` comes from; tests put a standing clock here, and nowhere else."""


def now() -> datetime:
    """The instant of this unit of work, read once (on PostgreSQL from the database)."""
    if "now" not in session.info:
        session.info["now"] = clock()
    instant: datetime = session.info["now"]
    return instant


def set_now(instant: datetime) -> None:
    """What follows in this unit of work happens then: so the demonstration tells a past."""
    session.info["now"] = instant


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


def engine_options(url: str) -> dict[str, Any]:
    """What the engine of this URL needs beside the URL."""
    if url.startswith("sqlite"):
        return {"hide_parameters": True}  # or a fault would log addresses and hashes
    # A prepared generic plan ruins searches (a hundred times slower); so nothing is prepared.
    connect = {"prepare_threshold": None}
    return {"hide_parameters": True, "pool_pre_ping": True, "connect_args": connect}


def listen_to(engine: Engine) -> None:
    """Make each transaction of `engine` say whether it reads or writes."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "begin", _begin_postgresql)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late and too weak
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "recursive_triggers=ON",  # or INSERT OR REPLACE would rewrite audit lines
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    writing, patience = options.get("writing", False), options.get("patience", SQLITE_BUSY_MS)
    connection.exec_driver_sql(f"PRAGMA busy_timeout={patience}")
    connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writing else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.connection.driver_connection.read_only = not writing  # type: ignore[union-attr]
