"""Revisions of the schema: the one of the database, and the head of the migrations."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from portal.db.transactions import session

MIGRATIONS = Path(__file__).resolve().parent.parent.parent / "migrations"


def database_revision() -> str | None:
    """The revision to which the database is migrated; None for an empty database."""
    if not inspect(session.connection()).has_table("alembic_version"):
        return None
    revision: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def is_known_revision(revision: str) -> bool:
    """Whether the migrations lead from this revision to their head."""
    scripts = ScriptDirectory(str(MIGRATIONS)).walk_revisions()
    return revision in {script.revision for script in scripts}


@cache
def head_revision() -> str | None:
    """The newest revision of the migrations."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()
