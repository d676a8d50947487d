"""Keeps triggers through SQLite's table rebuilds.

Alembic's batch mode copies a table to `_alembic_tmp_<table>`, drops the old one and renames the
copy; the old one's triggers go with it, silently. Listening to the statements, we keep them at the
drop and create them again after the rename. A trigger that a migration drops itself stays dropped.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, event

DROPPED = re.compile(r'\s*DROP TABLE "?(\w+)"?\s*$', re.IGNORECASE)
RENAMED = re.compile(r'\s*ALTER TABLE "?_alembic_tmp_\w+"? RENAME TO "?(\w+)"?\s*$', re.IGNORECASE)


def keep_triggers(connection: Connection) -> None:
    """From now on a rebuild on this connection keeps the table's triggers."""
    kept: dict[str, list[str]] = {}

    def before(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if dropped := DROPPED.match(statement):
            table = dropped[1]
            kept[table] = _triggers_of(connection, table)

    def after(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if renamed := RENAMED.match(statement):
            for trigger in kept.pop(renamed[1], []):
                connection.exec_driver_sql(trigger)

    event.listen(connection, "before_cursor_execute", before)
    event.listen(connection, "after_cursor_execute", after)


def _triggers_of(connection: Connection, table: str) -> list[str]:
    query = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
    return [row[0] for row in connection.exec_driver_sql(query, (table,))]
