"""The schema comes from the migrations alone, is what the models say, and comes down again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from sqlalchemy import CheckConstraint, inspect, text
from sqlalchemy.exc import DBAPIError

from portal import db
from tests.conftest import Databases, make_app

ROOT = Path(__file__).resolve().parent.parent

PG_CATALOGUE = """
SELECT 'column', table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable
  FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass || ' ' || conname || ' '
  || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index', indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'trigger', pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function', prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""


@pytest.fixture
def empty(databases: Databases, kind: str) -> Iterator[Flask]:
    """The application on a database with nothing in it."""
    url = databases.empty(kind)
    app = make_app(url)
    with app.app_context():
        yield app
        db.session.remove()
        db.extension.engine.dispose()
    databases.drop(url)


def catalogue(kind: str) -> list[Any]:
    sql = "SELECT type, name, sql FROM sqlite_master" if kind == "sqlite" else PG_CATALOGUE
    rows = db.read(lambda: [tuple(row) for row in db.session.execute(text(sql))])
    return sorted(rows, key=str)


def test_up_down_and_up_again_leave_the_same_catalogue(empty: Flask, kind: str) -> None:
    flask_migrate.upgrade()
    first = catalogue(kind)
    flask_migrate.downgrade(revision="base")
    left = {row[1] for row in catalogue(kind) if "alembic_version" not in str(row)}
    assert left == set()
    flask_migrate.upgrade()
    assert catalogue(kind) == first


def test_the_migrated_schema_is_what_the_models_say(empty: Flask, kind: str) -> None:
    flask_migrate.upgrade()
    with db.extension.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, db.Base.metadata) == []


def test_every_constraint_has_a_name(empty: Flask, kind: str) -> None:
    flask_migrate.upgrade()
    found = inspect(db.extension.engine)
    for table in set(found.get_table_names()) - {"alembic_version"}:
        named = [found.get_pk_constraint(table), *found.get_foreign_keys(table)]
        named += [*found.get_unique_constraints(table), *found.get_check_constraints(table)]
        assert all(constraint["name"] for constraint in named), table


def test_the_checks_of_the_models_are_in_the_database(empty: Flask, kind: str) -> None:
    flask_migrate.upgrade()
    found = inspect(db.extension.engine)
    for table in db.Base.metadata.tables.values():
        there = {check["name"] for check in found.get_check_constraints(table.name)}
        checks = [c for c in table.constraints if isinstance(c, CheckConstraint)]
        named = [
            db.extension.engine.dialect.identifier_preparer.format_constraint(c) for c in checks
        ]
        wanted = {str(name).strip('"') for name in named}
        assert there == wanted, table.name


REBUILD = '''
"""Rebuilds a table, as a later migration may."""
from alembic import op
import sqlalchemy as sa

revision, down_revision, branch_labels, depends_on = "9999", "{head}", None, None


def upgrade() -> None:
    with op.batch_alter_table("links", recreate="always") as batch:
        batch.add_column(sa.Column("remark", sa.String()))
    {more}


def downgrade() -> None:
    pass
'''


def with_migration(tmp_path: Path, more: str) -> str:
    """A copy of the migrations with one more at its end; returns its folder."""
    folder = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", folder, ignore=shutil.ignore_patterns("__pycache__"))
    head = sorted(folder.joinpath("versions").glob("[0-9]*.py"))[-1].name[:4]
    (folder / "versions" / "9999_rebuild.py").write_text(REBUILD.format(head=head, more=more))
    return str(folder)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_rebuilt_table_keeps_its_triggers(app: Flask, kind: str, tmp_path: Path) -> None:
    flask_migrate.upgrade(directory=with_migration(tmp_path, "pass"))
    with pytest.raises(DBAPIError, match="a link may only end"):
        db.write(lambda: db.session.execute(text("UPDATE links SET since_at = '2020-01-01'")))
    with pytest.raises(DBAPIError, match="kept for history"):
        db.write(lambda: db.session.execute(text("DELETE FROM links")))


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_trigger_that_a_migration_drops_stays_dropped(
    app: Flask, kind: str, tmp_path: Path
) -> None:
    flask_migrate.upgrade(
        directory=with_migration(tmp_path, 'op.execute("DROP TRIGGER links_stay")')
    )
    names = {row[1] for row in catalogue(kind) if row[0] == "trigger"}
    assert "links_fixed" in names
    assert "links_stay" not in names


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_migration_that_breaks_a_reference_is_undone_whole(
    app: Flask, kind: str, tmp_path: Path
) -> None:
    before = catalogue(kind)
    breaks = "op.execute(\"UPDATE account_access SET user_id = 'nobody'\")"
    with pytest.raises(SystemExit):  # Flask-Migrate logs what was raised, and exits
        flask_migrate.upgrade(directory=with_migration(tmp_path, breaks))
    assert catalogue(kind) == before
    with pytest.raises(DBAPIError, match="FOREIGN KEY"):
        db.write(lambda: db.session.execute(text("UPDATE account_access SET user_id = 'nobody'")))
