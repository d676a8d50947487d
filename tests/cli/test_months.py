"""`flask month`: list, close at once or later, stop; erasing a customer with statements."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.cli.test_cli import call
from tests.domain.test_statements import end_partnership
from tests.support.money import problems, row
from tests.support.months import close, name_firm, release, statement_of
from tests.support.prices import apply_rate
from tests.support.usage import deliver
from tests.support.world import Clock, World


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


def test_a_month_is_closed_at_once_or_later_and_that_is_stopped(
    app: Flask, world: World, clock: Clock
) -> None:
    deliver(row("3", world.ninas_cloud))
    code, said = call(app, "month", "close", "2026-03")
    assert (code, "This month is not over yet." in said) == (1, True)
    clock.forward(days=31)
    assert call(app, "month", "close", "2026-03")[0] == 0
    assert "finalising, closes 2026-04-03 10:00 UTC" in call(app, "month", "list")[1]
    assert call(app, "month", "stop", "2026-03") == (0, "2026-03 stays open.\n")
    assert call(app, "month", "close", "--now", "2026-03")[0] == 0
    assert "2026-03  closed" in call(app, "month", "list")[1]
    assert statement_of(world.north).number == 1
    assert problems() == []


def test_a_customer_is_erased_with_its_statements_only_if_that_is_said(
    app: Flask, world: World, clock: Clock
) -> None:
    apply_rate(world.north, "0")
    deliver(row("1", world.ninas_cloud))
    end_partnership(world)
    close(clock)
    name_firm(world.north)
    release(statement_of(world.ninas_subaccount))
    code, said = call(app, "customer", "erase", world.ninas_customer)
    assert (code, "must be kept until 2036-04-01" in said) == (1, True)
    assert call(app, "customer", "erase", "--statements", world.ninas_customer)[0] == 0
    assert statement_of(world.ninas_subaccount).recipient == {}
