"""Steps with months lock rows in the one order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import select

from portal import db
from portal.domain import statements
from portal.domain.actors import COMMAND
from portal.domain.ledger import Ledger
from portal.worker import statement_making
from tests.domain.test_lock_order import Unit, faults
from tests.support.money import row
from tests.support.usage import deliver
from tests.support.work import appoint_operator
from tests.support.world import World, signed_in

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
MONTH = date(2026, 2, 1)
FEBRUARY = {"BillingPeriodStart": "2026-02-01", "BillingPeriodEnd": "2026-03-01"}


def _close_month(world: World) -> Unit:
    by = appoint_operator()
    return lambda: statements.close(MONTH, by=signed_in(by))


def _stop_month(world: World) -> Unit:
    db.write(lambda: statements.finalise(MONTH, by=COMMAND))
    by = appoint_operator()
    return lambda: statements.stop(MONTH, by=signed_in(by))


def _books_of_north(world: World) -> statements.Books:
    deliver(row("1", world.ninas_cloud) | FEBRUARY)
    db.write(lambda: statements.close(MONTH, by=COMMAND))

    def is_next() -> bool:
        query = select(Ledger.account_id).where(Ledger.closed_on.is_(None))
        return db.session.scalar(query.order_by(Ledger.account_id).limit(1)) == world.north

    while not db.read(is_next):
        statement_making.advance()
    books = db.read(statements.next_books)
    assert books is not None
    return books


def _draft_statements(world: World) -> Unit:
    books = _books_of_north(world)
    rows = db.read(lambda: statements.undrafted(books))
    return lambda: statements.add_drafts(books, rows)


def _close_books(world: World) -> Unit:
    books = _books_of_north(world)
    plan = db.read(lambda: statements.plan_books(books))
    return lambda: statements.close_books(plan)


def _close_idle_books(world: World) -> Unit:
    db.write(lambda: statements.close(MONTH, by=COMMAND))
    books = db.read(statements.next_books)
    assert books is not None
    return lambda: statements.close_idle_books(books)


@pytest.mark.parametrize(
    "begin", [_close_month, _stop_month, _draft_statements, _close_books, _close_idle_books]
)
def test_steps_with_months_lock_in_the_one_order(
    app: object, world: World, begin: Callable[[World], Unit]
) -> None:
    assert faults(begin(world)) == []
