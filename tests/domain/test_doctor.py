"""The doctor finds nothing in a healthy database, and each broken state by its check alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

import pytest
from sqlalchemy import text

from portal import db
from portal.domain import doctor
from portal.domain.doctor import schema
from portal.domain.doctor.constraints import HAVE_OWN_CHECK, constraint_name, unique_keys
from tests.conftest import KINDS, Databases, make_app
from tests.domain.test_audit import CHANGES, WHO_MAY
from tests.support import state_breaking
from tests.support.broken_states import CASES
from tests.support.state_breaking import Case, Params
from tests.support.verbs.verb import Verb
from tests.support.world import DORA, EDDIE, NINA, OLGA, START, VERA, Clock, World, actor, user

pytestmark = pytest.mark.both_databases

T = TypeVar("T")
TABLES = db.Base.metadata.sorted_tables
ROW_CHECKS = [check for check in doctor.CHECKS if check is not schema.guard_missing]


class Undone(Exception):
    """Ends a trial, so that nothing of it stays."""


@pytest.fixture(scope="module", params=KINDS)
def params(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Params]:
    """Inside the application on a database with the cast: the IDs of the cast's things."""
    url, world = databases.copy(request.param)
    before, db.time.clock = db.time.clock, Clock(START)
    db.time.clock.forward(hours=1)
    try:
        with make_app(url).app_context():
            yield vars(world) | db.read(more_ids)
            db.session.remove()
            db.extension.engine.dispose()
    finally:
        db.time.clock = before
        databases.drop(url)


def more_ids() -> Params:
    people = {"olga": OLGA, "eddie": EDDIE, "vera": VERA, "nina": NINA, "dora": DORA}
    ids = {name: user(email).id for name, email in people.items()}
    queries = {
        "eddies_role": "SELECT id FROM account_access WHERE role = 'billing.accounts.editor'",
        "olgas_membership": "SELECT membership_id FROM accesses",
        "source": "SELECT source_id FROM deliveries",
        "lot": "SELECT id FROM lots WHERE account_id IN"
        " (SELECT id FROM billing_accounts WHERE name = 'Dora Direct')",
        "souths_cloud": "SELECT default_cloud_id FROM customers WHERE name = 'Elsewhere'",
    }
    return ids | {
        name: db.session.execute(text(query)).scalar_one() for name, query in queries.items()
    }


def undo(unit: Callable[[], T]) -> T:
    """The result of a unit of work that is rolled back."""
    results: list[T] = []

    def try_out() -> None:
        results.append(unit())
        raise Undone

    with suppress(Undone):
        db.write(try_out)
    return results[0]


def problems(case: Case, params: Params, *, everywhere: bool) -> list[tuple[str, str]]:
    """What the checks of rows find after the case, which is undone: names and things. On PostgreSQL
    only the checks that the case names run, unless `everywhere`: planning takes most of the time.
    """
    named = {case.check, *dict(case.also)}

    def unit() -> list[tuple[str, str]]:
        is_sqlite = db.session.get_bind().dialect.name == "sqlite"
        state_breaking.allow(case, is_sqlite=is_sqlite)
        state_breaking.break_state(case, params)
        db.session.expire_all()
        checks = [check for check in ROW_CHECKS if check.name in named or is_sqlite or everywhere]
        return [(check.name, problem.thing) for check in checks for problem in check.find()]

    return sorted(undo(unit))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.check)
def test_each_broken_state_is_found_by_its_check_alone(
    params: Params, case: Case, pytestconfig: pytest.Config
) -> None:
    expected = [*((case.check, thing) for thing in case.things), *case.also]
    everywhere = pytestconfig.getoption("full")
    assert problems(case, params, everywhere=everywhere) == sorted(
        (check, params.get(thing, thing)) for check, thing in expected
    )


def test_every_check_of_rows_has_a_broken_state() -> None:
    assert {case.check for case in CASES} == {check.name for check in ROW_CHECKS}


def test_a_healthy_database_has_no_problem(params: Params) -> None:
    results = doctor.run()
    assert [result.check for result in results] == [check.name for check in doctor.CHECKS]
    assert [result for result in results if result.total] == []


@pytest.mark.parametrize("params", ["sqlite"], indirect=True)
@pytest.mark.parametrize("verb", CHANGES, ids=lambda verb: verb.name)
def test_no_verb_leaves_a_problem(params: Params, verb: Verb) -> None:
    world = World(**{name: params[name] for name in World.ids()})

    def unit() -> list[tuple[str, str]]:
        verb.call(world, actor(WHO_MAY[verb.action]))
        for _key, append in sorted(db.session.info["deferred"], key=lambda entry: entry[0]):
            append()
        return [(check.name, problem.thing) for check in ROW_CHECKS for problem in check.find()]

    assert undo(unit) == []


@pytest.mark.parametrize("name", ["links_stay", "uq_links_open"])
def test_a_lost_guard_is_found(params: Params, name: str) -> None:
    def unit() -> list[str]:
        on = " ON links" if db.session.get_bind().dialect.name == "postgresql" else ""
        drop = f"TRIGGER {name}{on}" if name == "links_stay" else f"INDEX {name}"
        db.session.execute(text(f"DROP {drop}"))
        return [problem.thing for problem in schema.guard_missing.find()]

    assert undo(unit) == [name]


@pytest.mark.parametrize("params", ["postgresql"], indirect=True)
def test_a_disabled_trigger_is_found(params: Params) -> None:
    def unit() -> list[str]:
        db.session.execute(text("ALTER TABLE customers DISABLE TRIGGER customers_move"))
        return [problem.thing for problem in schema.guard_missing.find()]

    assert undo(unit) == ["customers_move"]


def test_no_trigger_of_the_migrations_is_left_out(params: Params) -> None:
    is_postgresql = db.session.get_bind().dialect.name == "postgresql"
    query = schema.POSTGRESQL_QUERY if is_postgresql else schema.SQLITE_QUERY
    there = db.read(lambda: set(db.session.scalars(text(query))))
    assert there == schema.TRIGGERS | (schema.POSTGRESQL_TRIGGERS if is_postgresql else set())


def test_constraints_with_a_check_of_their_own_exist(params: Params) -> None:
    dialect = db.session.get_bind().dialect
    names = {name for table in TABLES for name, _columns, _where in unique_keys(table, dialect)}
    names |= {constraint_name(c, dialect) for table in TABLES for c in table.constraints}
    assert names >= HAVE_OWN_CHECK
