"""Row snapshots: save the rows of a PostgreSQL database, and restore them after a test.

To copy and drop a database creates and deletes some three hundred files. To restore a hundred rows
takes one round trip.
"""

from __future__ import annotations

from typing import NamedTuple

import psycopg
from psycopg import sql

from portal import db

# Each change of a table's definition writes, adds or removes a row of one of these. The rows of the
# system's own objects, which are most of them, stay.
FINGERPRINT = """SELECT
    (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_attribute WHERE attrelid >= 16384),
    (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_class WHERE oid >= 16384),
    (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_constraint),
    (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_proc WHERE oid >= 16384),
    (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_trigger)"""
TABLES = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)
TERMINATE_OTHERS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()"""


class Snapshot(NamedTuple):
    """The statement that restores the rows, and the fingerprint of the schema."""

    statement: sql.Composed
    fingerprint: tuple[str, ...]


def take(url: str) -> Snapshot:
    """Save all rows in the schema `kept`, which copies of the database contain too."""
    with _connect(url) as connection:
        tables = [sql.Identifier(name) for (name,) in connection.execute(TABLES).fetchall()]
        connection.execute("CREATE SCHEMA kept")
        for table in tables:
            copy = sql.SQL("CREATE TABLE kept.{0} AS TABLE public.{0}")
            connection.execute(copy.format(table))
        # Without triggers and foreign keys, the order of the tables does not matter.
        disable_triggers = sql.SQL("SET LOCAL session_replication_role = replica")
        copy_back = sql.SQL("DELETE FROM public.{0}; INSERT INTO public.{0} TABLE kept.{0}")
        statement = sql.SQL("; ").join(
            [disable_triggers, *(copy_back.format(table) for table in tables)]
        )
    with _connect(url) as connection:
        return Snapshot(statement, _fingerprint(connection))


def restore(connection: psycopg.Connection, snapshot: Snapshot) -> bool:
    """Restore the rows, and close all other connections to the database.

    False if a table's definition has changed or the user lacks privileges."""
    connection.autocommit, connection.read_only = True, None
    try:
        connection.execute("DISCARD ALL")  # what a test has set for the session
        db.dialects.configure_postgresql(connection)
        connection.execute(TERMINATE_OTHERS)
        if _fingerprint(connection) != snapshot.fingerprint:
            return False
        with connection.transaction():
            connection.execute(snapshot.statement)
        return True
    except psycopg.errors.InsufficientPrivilege:
        return False
    finally:
        connection.autocommit = False


def _fingerprint(connection: psycopg.Connection) -> tuple[str, ...]:
    row: tuple[str, ...] | None = connection.execute(FINGERPRINT).fetchone()
    assert row is not None
    return row


def _connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), connect_timeout=10)
