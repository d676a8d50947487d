"""Dialects: engine options and the start of a transaction on SQLite and PostgreSQL.

A writing transaction on SQLite begins IMMEDIATE. A deferred one that reads first and writes later
fails with "locked" at once, whatever the timeout.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event

SQLITE_BUSY_MS, SQLITE_SHORT_BUSY_MS = 10_000, 100


def engine_options(url: str) -> dict[str, Any]:
    """The options of an engine for this URL."""
    if url.startswith("sqlite"):
        return {"hide_parameters": True}  # an error would log addresses and hashes
    # No prepared statements: their generic plan makes searches a hundred times slower.
    connect_args = {"prepare_threshold": None}
    return {"hide_parameters": True, "pool_pre_ping": True, "connect_args": connect_args}


def register_listeners(engine: Engine) -> None:
    """Configure the connections of `engine`, and begin its transactions as read-only unless they
    have the execution option `writing`."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "begin", _begin_postgresql)


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins too late, and never IMMEDIATE
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "recursive_triggers=ON",  # without it INSERT OR REPLACE rewrites audit lines
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    is_writing, busy_ms = options.get("writing", False), options.get("busy_ms", SQLITE_BUSY_MS)
    connection.exec_driver_sql(f"PRAGMA busy_timeout={busy_ms}")
    connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if is_writing else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    is_writing = connection.get_execution_options().get("writing", False)
    connection.connection.driver_connection.read_only = not is_writing  # type: ignore[union-attr]
