"""What each database needs: settings of the engine, and how its transactions begin.

A writing transaction begins IMMEDIATE on SQLite, because a deferred one that reads first and writes
later loses updates or fails with "locked" at once, whatever the timeout.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event

SQLITE_BUSY_MS, IMPATIENT_MS = 10_000, 100


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
