"""Late prices: costs without a price in a closed month get one while their statement is a draft."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from flask import Flask

from portal import db
from portal.domain import statements
from portal.domain.actors import COMMAND
from portal.domain.statements import Statement
from portal.domain.usage import Mode
from tests.domain.test_charges import move
from tests.domain.test_months import refusal
from tests.support.jobs import run_usage
from tests.support.money import problems, row
from tests.support.months import APRIL, close, name_firm, release, statement_of
from tests.support.prices import apply_rate, prices_of
from tests.support.usage import deliver
from tests.support.world import Clock, World

D = Decimal


@pytest.fixture(autouse=True)
def proven(app: Flask) -> Iterator[None]:
    """After each test all sums are one, to the last digit."""
    yield
    assert problems() == []


def set_missing(statement: Statement, percent: str, **options: bool) -> None:
    def unit() -> None:
        draft = db.session.get_one(Statement, statement.id)
        statements.set_missing_prices(draft, percent=D(percent), by=COMMAND, **options)

    db.write(unit)


def total_of(account_id: str) -> tuple[Decimal, int]:
    """Total and missing prices of the statement of March."""
    found = statement_of(account_id)
    return found.total, found.missing


@pytest.fixture
def drafts(app: Flask, world: World, clock: Clock) -> None:
    """March is closed: Nina has a price for the second of two days, Carl for none."""
    move(world.doras_cloud, world.carls_subaccount)
    apply_rate(world.north, "100", 4, of=world.ninas_subaccount)
    clock.forward(days=1)
    deliver(
        row("1", world.ninas_cloud, "03T10"),
        row("10", world.ninas_cloud, "04T10"),
        row("7", world.doras_cloud, "04T10"),
    )
    close(clock)
    name_firm(world.north)


@pytest.mark.both_databases
@pytest.mark.usefixtures("drafts")
def test_a_draft_gets_the_prices_that_it_lacks_and_keeps_the_others(world: World) -> None:
    draft = statement_of(world.ninas_subaccount)
    assert total_of(world.ninas_subaccount) == (D(20), 1)
    set_missing(draft, "50")
    refused = refusal(lambda: statements.release(draft, by=COMMAND, leave_out=True))
    assert refused == "statement-rate-waits"
    run_usage()
    assert total_of(world.ninas_subaccount) == (D("21.5"), 0)
    assert total_of(world.carls_subaccount) == (D(0), 1)
    again = refusal(lambda: statements.set_missing_prices(draft, percent=D(1), by=COMMAND))
    assert again == "statement-prices-complete"
    assert release(draft).total == D("21.5")


@pytest.mark.usefixtures("drafts")
def test_what_was_left_out_of_a_released_statement_never_gets_a_price(
    world: World, clock: Clock
) -> None:
    ninas = release(statement_of(world.ninas_subaccount), leave_out=True)
    set_missing(statement_of(world.carls_subaccount), "0", is_for_all=True)
    run_usage()
    assert total_of(world.carls_subaccount) == (D(7), 0)
    assert total_of(world.ninas_subaccount) == (D(20), 1)
    released = refusal(lambda: statements.set_missing_prices(ninas, percent=D(1), by=COMMAND))
    assert released == "statement-released"
    close(clock, APRIL)
    assert prices_of("account_id", "month_on") == {
        (world.ninas_subaccount, "2026-03-01"): (D(20), 1),
        (world.carls_subaccount, "2026-03-01"): (D(7), 0),
    }


@pytest.mark.usefixtures("drafts")
def test_a_correction_without_a_price_gets_one_on_its_own_statement(
    world: World, clock: Clock
) -> None:
    set_missing(statement_of(world.ninas_subaccount), "50")
    run_usage()
    deliver(row("2", world.ninas_cloud, "03T10"), source="Other", mode=Mode.APPEND)
    close(clock, APRIL)
    draft = statement_of(world.ninas_subaccount, APRIL)
    assert (draft.total, draft.missing) == (D(0), 1)
    set_missing(draft, "50")
    run_usage()
    assert statement_of(world.ninas_subaccount, APRIL).total == D(3)
    assert total_of(world.ninas_subaccount) == (D("21.5"), 0)
