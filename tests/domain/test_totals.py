"""Totals: costs and quantities by month, kept for the pages; posting touches only what changes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from flask import Flask
from sqlalchemy import select

from portal import db
from portal.domain import ledger
from portal.domain.totals import By, UsageSum, quantity_of
from portal.domain.usage import Mode, exact
from tests.domain.test_charges import move
from tests.support.money import problems, row
from tests.support.usage import deliver, remove
from tests.support.usage_files import FOCUS
from tests.support.world import Clock, World

HOURS = {"ConsumedQuantity": "2.5", "ConsumedUnit": "Hours"}
APRIL = {
    "BillingPeriodStart": "2026-04-01",
    "BillingPeriodEnd": "2026-05-01",
    "ChargePeriodStart": "2026-04-02",
    "ChargePeriodEnd": "2026-04-03",
}
COLUMNS = (*FOCUS, *HOURS, "PricingQuantity", "PricingUnit")
Sums = dict[tuple[str, str, str], tuple[Decimal, Decimal, Decimal]]


def sums(account_id: str, month: int, by: By) -> Sums:
    """Cost, change and quantity of an account's sums, by kind, key and unit; without zeros."""

    def load() -> Sums:
        query = select(UsageSum).where(
            UsageSum.account_id == account_id,
            UsageSum.grouped_by == by,
            UsageSum.month_on == date(2026, month, 1),
        )
        return {
            (str(by), it.key, it.unit): (
                exact(it.micros, it.rest),
                exact(it.change, 0),
                quantity_of(it.quantity, it.nanos),
            )
            for it in db.session.scalars(query)
            if it.micros or it.change or it.quantity
        }

    return db.read(load)


def test_sums_have_cost_change_and_quantity_and_are_taken_back(app: Flask, world: World) -> None:
    march = deliver(row("7", world.doras_cloud), columns=COLUMNS)
    fine = row("5.0000000000001", world.doras_cloud, **HOURS) | APRIL
    april = deliver(fine, source="Other", columns=COLUMNS)
    compute, cost = ("service", "Compute", ""), Decimal("5.0000000000001")
    assert sums(world.direct, 4, By.SERVICE) == {compute: (cost, Decimal(-2), Decimal("2.5"))}
    hours = sums(world.direct, 4, By.QUANTITY)["quantity", "Compute", "Hours"]
    assert (hours[0], hours[2]) == (cost, Decimal("2.5"))
    assert sums(world.direct, 5, By.SERVICE)[compute][1] == Decimal(-5)
    remove(april)
    assert sums(world.direct, 4, By.SERVICE)[compute][:2] == (Decimal(0), Decimal(-7))
    remove(march)
    assert sums(world.direct, 4, By.SERVICE) == {}
    assert sums(world.direct, 4, By.QUANTITY) == {}
    assert problems() == []


def test_a_link_splits_the_quantity_of_a_row_that_reaches_into_the_future(
    app: Flask, world: World, clock: Clock
) -> None:
    clock.now = clock.now.replace(month=3, day=2, hour=12)
    fee = row("8", world.doras_cloud, "02T10", "02T14", **HOURS)
    deliver(fee, columns=COLUMNS)
    move(world.doras_cloud, world.north)
    before = sums(world.direct, 3, By.QUANTITY)["quantity", "Compute", "Hours"]
    after = sums(world.north, 3, By.CUSTOMER)["customer", world.north, ""]
    assert (before[0] + after[0], before[2] + after[2]) == (Decimal(8), Decimal("2.5"))
    assert Decimal(1) < after[2] < Decimal("1.5")
    assert problems() == []


def test_what_names_no_unit_has_no_quantity_and_the_pricing_unit_is_the_second_choice(
    app: Flask, world: World
) -> None:
    cloud = world.doras_cloud
    priced = {"PricingQuantity": "3", "PricingUnit": "GB"}
    tax = {"ChargeCategory": "Tax"}
    deliver(
        row("1", cloud, **priced),
        row("1", cloud, ConsumedQuantity="oops", ConsumedUnit="Hours"),
        row("1", cloud, **priced, **tax),
        mode=Mode.APPEND,
        columns=COLUMNS,
    )
    quantities = sums(world.direct, 3, By.QUANTITY)
    assert {key[2]: it[2] for key, it in quantities.items()} == {"GB": Decimal(3)}
    assert sums(world.direct, 3, By.TOTAL)["total", "", ""][0] == Decimal(3)


def test_a_posting_locks_the_payer_of_what_costs_nothing(app: Flask, world: World) -> None:
    before = db.read(lambda: ledger.versions_of([world.direct]))
    deliver(row("0", world.doras_cloud, **HOURS), columns=COLUMNS)
    assert sums(world.direct, 3, By.QUANTITY)["quantity", "Compute", "Hours"][2] == Decimal("2.5")
    after = db.read(lambda: ledger.versions_of([world.direct]))
    assert after == {world.direct: before[world.direct] + 1}  # raised under the lock
    assert problems() == []


def test_a_customers_sums_are_kept_beside_its_partners(app: Flask, world: World) -> None:
    deliver(row("7", world.ninas_cloud), columns=COLUMNS)
    for by in (By.TOTAL, By.CLOUD, By.SERVICE):
        theirs = sums(world.ninas_subaccount, 3, by)
        assert theirs == sums(world.north, 3, by)
        assert [it[0] for it in theirs.values()] == [Decimal(7)]
    assert sums(world.ninas_subaccount, 3, By.CUSTOMER) == {}
