"""The schema comes from the migrations alone, is what the models say, and comes down again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from sqlalchemy import JSON, CheckConstraint, inspect, text
from sqlalchemy.exc import DBAPIError

from portal import db, urls
from portal.domain.usage import Mode
from tests.conftest import Databases, make_app
from tests.support.jobs import run_usage
from tests.support.money import charges_of, problems, row
from tests.support.prices import apply_rate, prices_of
from tests.support.usage import deliver, publish, remove, stage
from tests.support.world import World

pytestmark = pytest.mark.both_databases

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
    if kind == "sqlite":  # Alembic's batches write a table's constraints in any order
        rows = [
            (*row, sorted(line.strip("\t ,") for line in (sql or "").splitlines()))
            for *row, sql in rows
        ]
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


OLD_PATHS = {
    "/console": ("console", "", None),
    "/console/billing/{account}": ("account", "{account}", None),
    "/console/clouds/{cloud}": ("cloud", "{cloud}", None),
    "/partner/{partner}/team": ("team", "{partner}", None),
    "/partner/{partner}/customers/{customer}": ("customer", "{customer}", "{partner}"),
}
"""The paths that a notice could have before version 0012, and what it is since."""
UNKNOWN_PATHS = ("", "/console/clouds/{cloud}/access", "/console/clouds/x", "/gone/{cloud}?a=%25")
OLD_NOTICE = """INSERT INTO notices (id, user_id, kind, about, path, facts, created_at)
  SELECT :id, min(id), 'cloud.moved', 'x', :path, '{"cloud": "shop"}', '2026-01-01 00:00:00'
  FROM users"""
OLD_MAIL = """INSERT INTO outbox (id, kind, about, recipient, language, facts, message_id, is_once,
    state, tries, created_at, due_at)
  VALUES (:id, :kind, 'x', 'a@b.example', 'en', :facts, :id, false, :state, 0,
    '2026-01-01 00:00:00', '2026-01-01 00:00:00')"""
WAITING = ("pending", "claimed", "transmitting")
SENT = ("notice", "sent", {"notice": "cloud.moved", "path": "/console", "facts": {}})
OTHER = ("account-exists", "pending", {"next": "/", "path": "/x"})


def stored(sql: str) -> dict[str, Any]:
    """The rows of a query by their first column."""
    return db.read(lambda: {row[0]: tuple(row[1:]) for row in db.session.execute(text(sql))})


def add_old_rows(paths: list[str]) -> None:
    """At version 0011: for each path a notice and mails that wait; mails that need no change."""
    mails = [
        ("notice", state, {"notice": "cloud.moved", "path": path, "facts": {"cloud": "shop"}})
        for path in paths
        for state in WAITING
    ]

    def unit() -> None:
        for n, path in enumerate(paths):
            db.session.execute(text(OLD_NOTICE), {"id": f"old{n:03}", "path": path})
        for n, (kind, state, facts) in enumerate([*mails, SENT, OTHER]):
            row = {"id": f"old{n:03}", "kind": kind, "state": state, "facts": json.dumps(facts)}
            db.session.execute(text(OLD_MAIL), row)

    db.write(unit)


def mails_stored() -> dict[str, dict[str, Any]]:
    """The facts of all mails by ID."""
    tables = inspect(db.session.get_bind()).get_table_names()
    table = "outbox" if "outbox" in tables else "mail_deliveries"
    found = text(f"SELECT id, facts FROM {table} ORDER BY id").columns(facts=JSON)
    return db.read(lambda: {row.id: row.facts for row in db.session.execute(found)})


def old_mails() -> list[dict[str, Any]]:
    return [facts for ident, facts in mails_stored().items() if ident.startswith("old")]


@pytest.mark.deploy  # an upgrade
def test_old_notices_and_their_waiting_mails_lead_where_they_led(
    app: Flask, world: World, kind: str
) -> None:
    ids = {"account": world.ninas_subaccount, "cloud": world.ninas_cloud}
    ids |= {"partner": world.north, "customer": world.ninas_customer}
    paths = [path.format(**ids) for path in (*OLD_PATHS, *UNKNOWN_PATHS)]
    targets = [
        tuple(part and part.format(**ids) for part in target)
        for target in (*OLD_PATHS.values(), *[("console", "", None)] * len(UNKNOWN_PATHS))
    ]
    lead_to = [*paths[: len(OLD_PATHS)], *["/console"] * len(UNKNOWN_PATHS)]

    flask_migrate.downgrade(revision="0011")
    add_old_rows(paths)
    flask_migrate.upgrade(revision="0015")

    sql = "SELECT id, target_kind, target_id, target_account_id FROM notices WHERE id LIKE 'old%'"
    found = stored(f"{sql} ORDER BY id")
    assert list(found.values()) == targets
    assert [urls.path(*target) for target in found.values()] == lead_to
    *mails, sent, other = old_mails()
    assert (sent, other) == (SENT[2], OTHER[2])
    wanted = [dict(zip(("kind", "id", "account_id"), of, strict=True)) for of in targets]
    assert [mail["target"] for mail in mails] == [of for of in wanted for _ in WAITING]
    assert all(mail.keys() == {"notice", "facts", "target"} for mail in mails)

    flask_migrate.downgrade(revision="0011")
    found = stored("SELECT id, path FROM notices WHERE id LIKE 'old%' ORDER BY id")
    assert [path for (path,) in found.values()] == lead_to
    *mails, sent, other = old_mails()
    assert [mail["path"] for mail in mails] == [path for path in lead_to for _ in WAITING]
    assert all(mail.keys() == {"notice", "facts", "path"} for mail in mails)
    assert (sent, other) == (SENT[2], OTHER[2])


@pytest.mark.deploy  # an upgrade
def test_what_the_cast_was_told_comes_back_from_the_older_version(
    app: Flask, world: World, kind: str
) -> None:
    sql = "SELECT id, target_kind, target_id, target_account_id, facts FROM notices"
    notices, mails = stored(sql), mails_stored()
    assert notices
    assert any("entries" in facts for facts in mails.values())
    flask_migrate.downgrade(revision="0011")
    flask_migrate.upgrade()
    assert (stored(sql), mails_stored()) == (notices, mails)


MONEY = {
    "lots": "SELECT account_id, amount, used, first_on, last_on, is_initial, granted_at FROM lots",
    "ledgers": "SELECT account_id, balance, entries, paid_since FROM ledgers",
    "links": "SELECT id, is_waivable FROM links",
}


@pytest.mark.deploy  # an upgrade
def test_initial_grants_become_lots_and_what_was_published_is_charged(
    app: Flask, world: World, kind: str
) -> None:
    before = {name: stored(sql) for name, sql in MONEY.items()}
    assert {row[0] for row in before["links"].values()} == {True, False}
    april = {"BillingPeriodStart": "2026-04-01", "BillingPeriodEnd": "2026-05-01"}
    later = row("0.000000000000002", world.ninas_cloud) | april
    deliver(row("3", world.doras_cloud), row("4", world.ninas_cloud), later)
    removed = deliver(row("5", world.doras_cloud), source="Other")
    remove(removed)
    charged, after = charges_of("account_id"), stored(MONEY["lots"])
    flask_migrate.downgrade(revision="0029")
    flask_migrate.upgrade()
    assert {name: stored(sql) for name, sql in MONEY.items()} == before
    run_usage()
    assert (charges_of("account_id"), stored(MONEY["lots"])) == (charged, after)
    flask_migrate.downgrade(revision="0032")
    flask_migrate.upgrade()  # which sums what was charged
    assert problems() == []


@pytest.mark.deploy  # an upgrade
def test_what_was_charged_before_there_were_prices_has_none_until_a_rate_is_set(
    app: Flask, world: World, kind: str
) -> None:
    deliver(row("4", world.ninas_cloud), row("5", world.doras_cloud))
    deliver(row("1", world.ninas_cloud, "03T10"), mode=Mode.APPEND)
    deliver(row("-1", world.ninas_cloud, "03T11"), mode=Mode.APPEND)
    staged = stage(row("8", world.ninas_cloud, "04T10"), mode=Mode.APPEND)
    flask_migrate.downgrade(revision="0032")
    flask_migrate.upgrade()
    assert prices_of("usage_on") == {("2026-03-02",): (Decimal(0), 1)}
    apply_rate(world.north, "50")
    publish(staged)
    assert prices_of() == {(): (Decimal(18), 0)}
    assert problems() == []


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
