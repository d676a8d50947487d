"""Revisions of the schema: the one of the database, and the head of the migrations."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from portal.db.transactions import session

MIGRATIONS = Path(__file__).resolve().parent.parent.parent / "migrations"


def database_revision() -> str | None:
    """The revision to which the database is migrated; None for an empty database."""
    return MigrationContext.configure(session.connection()).get_current_revision()


@cache
def head_revision() -> str | None:
    """The newest revision of the migrations."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()
