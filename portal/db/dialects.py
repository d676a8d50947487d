"""Dialects: engine options and the start of a transaction on SQLite and PostgreSQL.

A writing transaction on SQLite begins IMMEDIATE. A deferred one that reads first and writes later
fails with "locked" at once, whatever the timeout.
"""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import Connection, Engine, event, make_url

from portal.db import frozen
from portal.db.time_loader import TimeLoader
from portal.db.unavailable import Reason, Unavailable

WAIT_MS, SHORT_WAIT_MS = 5_000, 100
"""Milliseconds a transaction waits for a lock, before the database counts as busy."""
MAX_WAITING_WRITERS = 5
"""Threads of a process that wait for SQLite's write lock; the others are left to readers."""
POOL_TIMEOUT = 5
"""Seconds to wait for a connection of the pool."""
CONNECTING = {"connect_timeout": 3, "tcp_user_timeout": 5_000}
"""Seconds to connect to PostgreSQL, and milliseconds until a silent connection counts as broken."""


def engine_options(url: str) -> dict[str, Any]:
    """The options of an engine for this URL."""
    # With parameters, an error would log addresses and hashes.
    options: dict[str, Any] = {"hide_parameters": True, "pool_timeout": POOL_TIMEOUT}
    if url.startswith("sqlite"):
        return options
    # No prepared statements: their generic plan makes searches a hundred times slower.
    given = make_url(url).query
    timeouts = {name: value for name, value in CONNECTING.items() if name not in given}
    connect_args = {**timeouts, "prepare_threshold": None}
    return options | {"pool_pre_ping": True, "connect_args": connect_args}


def register_listeners(engine: Engine) -> None:
    """Configure the connections of `engine`, and begin its transactions as read-only unless they
    have the execution option `writing`. The option `wait_ms` is how long they wait for a lock."""
    if engine.dialect.name == "sqlite":
        writers = threading.BoundedSemaphore(MAX_WAITING_WRITERS)
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", lambda connection: _begin_sqlite(connection, writers))
    else:
        event.listen(engine, "do_connect", _connect_postgresql)
        event.listen(engine, "connect", configure_postgresql)
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


def _begin_sqlite(connection: Connection, writers: threading.BoundedSemaphore) -> None:
    """Begin. Raises Unavailable for a writer while MAX_WAITING_WRITERS others wait."""
    options = connection.get_execution_options()
    is_writing = options.get("writing", False)
    connection.exec_driver_sql(f"PRAGMA busy_timeout={options.get('wait_ms', WAIT_MS)}")
    connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if is_writing else 'ON'}")
    if not is_writing:
        connection.exec_driver_sql("BEGIN")
        return
    if not writers.acquire(blocking=False):
        raise Unavailable(Reason.BUSY)
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        writers.release()


def _connect_postgresql(_dialect: Any, _record: Any, cargs: Any, cparams: Any) -> Any:
    return frozen.Connection.connect(*cargs, **cparams)


def configure_postgresql(connection: Any, _record: Any = None) -> None:
    """Let each transaction of the driver's connection wait for a lock for WAIT_MS, and read any
    time."""
    connection.adapters.register_loader("timestamptz", TimeLoader)
    connection.execute(f"SET lock_timeout = {WAIT_MS}")
    connection.commit()


def _begin_postgresql(connection: Connection) -> None:
    options = connection.get_execution_options()
    # None, not False: READ WRITE would override a server that allows reading only.
    read_only = None if options.get("writing", False) else True
    connection.connection.driver_connection.read_only = read_only  # type: ignore[union-attr]
    if "wait_ms" in options:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {options['wait_ms']}")
