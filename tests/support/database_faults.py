"""Faults of the database, really caused: busy, full, read-only, away, being restored; healed with
the block."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, event, make_url

from portal import db

TABLES = "customer_notes, users, sessions, tries"
"""What the tests write to."""
RAISE_FULL = """
    CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE disk_full; END $$"""
BEFORE_EACH_WRITE = """
    CREATE TRIGGER no_space BEFORE INSERT OR UPDATE ON {} EXECUTE FUNCTION no_space()"""
TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


@contextmanager
def cause(fault: str, url: str) -> Iterator[None]:
    """Let the application's database at `url` be "busy", "full", "read-only", "away" or
    "restoring"."""
    engine, kind = db.extension.engine, make_url(url).get_backend_name()
    causes = SQLITE if kind == "sqlite" else POSTGRESQL
    _close_connections(engine)
    with causes[fault](engine, url):
        yield
        _close_connections(engine)


def _close_connections(engine: Engine) -> None:
    db.session.remove()
    engine.dispose()


@contextmanager
def _listen(target: Any, name: str, listener: Callable[..., None]) -> Iterator[None]:
    event.listen(target, name, listener)
    try:
        yield
    finally:
        event.remove(target, name, listener)


@contextmanager
def _mark_restored(engine: Engine, _url: str) -> Iterator[None]:
    for statement in (db.restoring.SET_MARK, db.restoring.REMOVE_MARK):
        with engine.connect().execution_options(writing=True) as connection:
            connection.exec_driver_sql(statement)
            connection.commit()
        if statement is db.restoring.SET_MARK:
            yield


# SQLite


@contextmanager
def _hold_write_lock(_engine: Engine, url: str) -> Iterator[None]:
    with closing(sqlite3.connect(make_url(url).database or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def _forbid_growth(engine: Engine, url: str) -> Iterator[None]:
    with closing(sqlite3.connect(str(make_url(url).database))) as other:
        other.execute("VACUUM")  # free pages would take what is written

    def limit(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA max_page_count=1")  # SQLite takes the present count

    with _listen(engine, "connect", limit):
        yield


@contextmanager
def _open_read_only(engine: Engine, url: str) -> Iterator[None]:
    def open_read_only(_dialect: Any, _record: Any, cargs: list[Any], cparams: Any) -> None:
        cargs[0] = f"file:{make_url(url).database}?mode=ro"
        cparams["uri"] = True

    with _listen(engine.pool._dialect, "do_connect", open_read_only):
        yield


@contextmanager
def _replace_with_folder(_engine: Engine, url: str) -> Iterator[None]:
    path = Path(make_url(url).database or "")
    elsewhere = path.rename(path.with_suffix(".elsewhere"))
    path.mkdir()
    try:
        yield
    finally:
        path.rmdir()
        elsewhere.rename(path)


# PostgreSQL


def connect(url: str, **options: Any) -> psycopg.Connection:
    """A connection beside the application's."""
    libpq_url = make_url(url).set(drivername="postgresql", **options)
    conninfo = libpq_url.render_as_string(hide_password=False)
    return psycopg.connect(conninfo, autocommit=True)


@contextmanager
def _lock_tables(_engine: Engine, url: str) -> Iterator[None]:
    with connect(url) as other, other.transaction():
        other.execute(f"LOCK TABLE {TABLES} IN EXCLUSIVE MODE")  # which lets others read
        yield


@contextmanager
def _raise_full(_engine: Engine, url: str) -> Iterator[None]:
    with connect(url) as other:
        other.execute(RAISE_FULL)
        for table in TABLES.split(", "):
            other.execute(BEFORE_EACH_WRITE.format(table))
        yield
        other.execute("DROP FUNCTION no_space CASCADE")


@contextmanager
def _let_transactions_only_read(_engine: Engine, url: str) -> Iterator[None]:
    name = make_url(url).database
    with connect(url, database="postgres") as server:
        server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        yield
        server.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")


@contextmanager
def _refuse_connections(_engine: Engine, url: str) -> Iterator[None]:
    name = make_url(url).database
    with connect(url, database="postgres") as server:
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        server.execute(TERMINATE, (name,))
        yield
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


SQLITE = {
    "busy": _hold_write_lock,
    "full": _forbid_growth,
    "read-only": _open_read_only,
    "away": _replace_with_folder,
    "restoring": _mark_restored,
}
POSTGRESQL = {
    "busy": _lock_tables,
    "full": _raise_full,
    "read-only": _let_transactions_only_read,
    "away": _refuse_connections,
    "restoring": _mark_restored,
}
