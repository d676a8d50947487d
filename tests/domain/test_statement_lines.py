"""Lines of statements: their categories and quantities, which are fixed with the statement."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from portal import db
from portal.domain import statements
from portal.domain.statements import Statement
from portal.domain.usage import Mode
from tests.support.money import problems, row
from tests.support.months import APRIL, close, name_firm, release, statement_of
from tests.support.prices import apply_rate
from tests.support.usage import deliver
from tests.support.usage_files import FOCUS
from tests.support.world import Clock, World

COLUMNS = (*FOCUS, "ConsumedQuantity", "ConsumedUnit")
IN_APRIL = {
    "BillingPeriodStart": "2026-04-01",
    "BillingPeriodEnd": "2026-05-01",
    "ChargePeriodStart": "2026-04-02T10:00:00Z",
    "ChargePeriodEnd": "2026-04-02T11:00:00Z",
}
Used = list[tuple[str, str, bool, str]]


@pytest.fixture(autouse=True)
def proven(app: Flask) -> Iterator[None]:
    """After each test all sums are one, to the last digit."""
    yield
    assert problems() == []


def used(
    cost: str, cloud_id: str, quantity: str, unit: str = "Hours", **more: str
) -> dict[str, str]:
    return row(cost, cloud_id, ConsumedQuantity=quantity, ConsumedUnit=unit, **more)


def lines_of(statement: Statement) -> Used:
    """Service, category, whether it is a correction, and quantity of each line."""
    found = db.read(lambda: statements.lines_of(statement))
    return [
        (it.service, it.category, it.is_correction, f"{it.quantity.normalize()} {it.unit}".strip())
        for it in found
    ]


@pytest.mark.both_databases
def test_lines_have_quantities_and_corrections_their_own(
    app: Flask, world: World, clock: Clock
) -> None:
    apply_rate(world.north, "100")
    deliver(used("1", world.ninas_cloud, "2.5"), columns=COLUMNS)
    close(clock)
    deliver(used("0.8", world.ninas_cloud, "2"), columns=COLUMNS)
    april = used("1.2", world.ninas_cloud, "3") | IN_APRIL
    deliver(april, columns=COLUMNS, mode=Mode.APPEND)
    close(clock, APRIL)
    name_firm(world.north)
    expected = [("Compute", "Usage", False, "3 Hours"), ("Compute", "Usage", True, "-0.5 Hours")]
    draft = statement_of(world.ninas_subaccount, APRIL)
    assert lines_of(draft) == expected
    assert lines_of(release(draft)) == expected
    assert lines_of(statement_of(world.north, APRIL)) == expected
    assert lines_of(statement_of(world.north)) == [("Compute", "Usage", False, "2.5 Hours")]


def test_several_units_are_no_quantity_and_each_category_is_a_line(
    app: Flask, world: World, clock: Clock
) -> None:
    cloud = world.ninas_cloud
    tax = row("0.2", cloud, ChargeCategory="Tax")
    disk = [used("1", cloud, "1", unit, ServiceName="Disk") for unit in ("GB", "TB")]
    deliver(used("1", cloud, "2.5"), tax, *disk, columns=COLUMNS)
    close(clock)
    assert lines_of(statement_of(world.north)) == [
        ("Compute", "Tax", False, "0"),
        ("Compute", "Usage", False, "2.5 Hours"),
        ("Disk", "Usage", False, "0"),
    ]


@pytest.mark.both_databases
def test_quantities_of_a_statement_are_fixed(app: Flask, world: World, clock: Clock) -> None:
    deliver(used("1", world.ninas_cloud, "2.5"), columns=COLUMNS)
    close(clock)
    for change in ("quantity = 9", "nanos = 9", "unit = 'GB'", "category = 'Tax'"):
        statement = text(f"UPDATE statement_lines SET {change}")
        with pytest.raises(DBAPIError, match="a statement is fixed"):
            db.write(lambda: db.session.execute(statement))  # noqa: B023 - runs at once
