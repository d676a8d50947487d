"""The doctor finds nothing in a healthy database, and each broken state by its check alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from sqlalchemy import text

from portal import db
from portal.domain import doctor
from portal.domain.doctor import schema
from tests.conftest import KINDS, Databases, make_app
from tests.support import broken_states
from tests.support.broken_states import CASES, Case, Params
from tests.support.world import DORA, EDDIE, NINA, OLGA, START, VERA, Clock, user

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
        "souths_cloud": "SELECT default_cloud_id FROM customers WHERE name = 'Elsewhere'",
    }
    return ids | {
        name: db.session.execute(text(query)).scalar_one() for name, query in queries.items()
    }


def problems(case: Case, params: Params, *, everywhere: bool) -> list[tuple[str, str]]:
    """What the checks of rows find after the case, which is undone: names and things. On PostgreSQL
    only the checks that the case names run, unless `everywhere`: planning takes most of the time.
    """
    named = {case.check, *dict(case.also)}
    found: list[tuple[str, str]] = []

    def unit() -> None:
        is_sqlite = db.session.get_bind().dialect.name == "sqlite"
        broken_states.allow(case, params, is_sqlite=is_sqlite)
        broken_states.break_state(case, params)
        db.session.expire_all()
        for check in ROW_CHECKS:
            if is_sqlite or everywhere or check.name in named:
                found.extend((check.name, problem.thing) for problem in check.find())
        raise Undone

    with suppress(Undone):
        db.write(unit)
    return sorted(found)


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
