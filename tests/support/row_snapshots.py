"""The rows of a PostgreSQL database, kept beside its tables and put back after a test.

To copy a database and drop it again costs the server some three hundred files each time; to put
back a cast of a hundred rows costs it one round trip.
"""

from __future__ import annotations

from typing import NamedTuple

import psycopg
from psycopg import sql

# Whoever changes what a table is writes, adds or takes a row of one of these.
FINGERPRINT = """SELECT (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_attribute),
                  (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_class),
                  (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_constraint),
                  (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_proc),
                  (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_trigger)"""
TABLES = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)
TERMINATE_OTHERS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()"""


class Snapshot(NamedTuple):
    """What `put_back` needs to know."""

    statement: sql.Composed
    shape: tuple[str, ...]


def take(url: str) -> Snapshot:
    """Keep all rows in the schema `kept`, which copies of the database have as well."""
    with _connect(url) as connection:
        tables = [sql.Identifier(name) for (name,) in connection.execute(TABLES).fetchall()]
        connection.execute("CREATE SCHEMA kept")
        for table in tables:
            keeping = sql.SQL("CREATE TABLE kept.{0} AS TABLE public.{0}")
            connection.execute(keeping.format(table))
        # With triggers and references asleep, the order of the tables is of no matter.
        asleep = sql.SQL("SET LOCAL session_replication_role = replica")
        back = sql.SQL("DELETE FROM public.{0}; INSERT INTO public.{0} TABLE kept.{0}")
        statement = sql.SQL("; ").join([asleep, *(back.format(table) for table in tables)])
    with _connect(url) as connection:
        return Snapshot(statement, _fingerprint(connection))


def restore(url: str, kept: Snapshot) -> bool:
    """Whether the database is as it was kept: not where a table itself was changed, nor where
    we are not allowed to."""
    try:
        with _connect(url) as connection:
            connection.execute(TERMINATE_OTHERS)
            if _fingerprint(connection) != kept.shape:
                return False
            connection.execute(kept.statement)
            return True
    except psycopg.errors.InsufficientPrivilege:
        return False


def _fingerprint(connection: psycopg.Connection) -> tuple[str, ...]:
    found: tuple[str, ...] | None = connection.execute(FINGERPRINT).fetchone()
    assert found is not None
    return found


def _connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), connect_timeout=10)
