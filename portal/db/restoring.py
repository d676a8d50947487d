"""Restoring: the mark of a database that was restored, and whose work is not parked yet.

The mark is a table of its own, so that the database of a backup of any version can carry it.
"""

from __future__ import annotations

from sqlalchemy import Connection

SET_MARK = "CREATE TABLE IF NOT EXISTS restoring (id INTEGER)"
REMOVE_MARK = "DROP TABLE IF EXISTS restoring"
COUNT_MARKS = {
    "sqlite": "SELECT count(*) FROM sqlite_master WHERE name = 'restoring'",
    "postgresql": "SELECT count(to_regclass('restoring'))",
}


def is_marked(connection: Connection) -> bool:
    """Whether the database has the mark."""
    return bool(connection.exec_driver_sql(COUNT_MARKS[connection.dialect.name]).scalar_one())
