"""Prices: what customers are asked for what their clouds cost, by the rate in force on the day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from flask import Flask

from portal import db
from portal.domain import prices
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.errors import Refused
from portal.domain.prices import Sums, differences, price_of
from portal.domain.usage import Mode
from tests.domain.test_charges import assign, move
from tests.support.jobs import run_usage
from tests.support.money import problems, row
from tests.support.prices import apply_rate, prices_of, set_rate
from tests.support.usage import deliver, publish, remove, stage
from tests.support.world import Clock, World

D = Decimal
ON_SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def proven(app: Flask) -> Iterator[None]:
    """After each test all sums are one, to the last digit."""
    yield
    assert problems() == []


def test_the_most_specific_rate_in_force_on_the_day_decides(app: Flask, world: World) -> None:
    nina = world.ninas_subaccount
    set_rate(world.north, "10")
    set_rate(world.north, "20", service="Storage")
    set_rate(world.north, "-50", of=nina, day=4)
    set_rate(world.north, "0", of=nina, service="Storage", day=5)
    set_rate(world.north, "100", day=3)
    days = ("02T10", "03T10", "04T10", "05T10")
    deliver(
        *(row("1", world.ninas_cloud, day, ServiceName="") for day in days),
        *(row("1", world.ninas_cloud, day, ServiceName="Storage") for day in days),
        row("1", world.doras_cloud),
    )
    run_usage()
    found = prices_of("service", "usage_on")
    assert [found["", f"2026-03-0{n}"][0] for n in (2, 3, 4, 5)] == [
        D("1.1"),
        D(2),
        D("0.5"),
        D("0.5"),
    ]
    assert [found["Storage", f"2026-03-0{n}"][0] for n in (2, 3, 4, 5)] == [
        D("1.2"),
        D("1.2"),
        D("0.5"),
        D(1),
    ]


def test_a_price_is_rounded_once_for_the_whole_day(app: Flask, world: World) -> None:
    set_rate(world.north, "10")
    deliver(row("0.0000003", world.ninas_cloud))
    deliver(row("0.0000004", world.ninas_cloud, "02T12"), mode=Mode.APPEND)
    assert prices_of() == {(): (D("0.000001"), 0)}  # 0.00000077
    deliver(row("-0.0000007", world.ninas_cloud, "02T13"), mode=Mode.APPEND)
    assert prices_of() == {}


def test_without_a_rate_the_price_is_missing_until_one_is_set(app: Flask, world: World) -> None:
    deliver(row("2", world.ninas_cloud), row("3", world.ninas_cloud, "03T10"))
    assert prices_of("usage_on") == {("2026-03-02",): (D(0), 1), ("2026-03-03",): (D(0), 1)}
    apply_rate(world.north, "0", day=3)
    assert prices_of("usage_on") == {("2026-03-02",): (D(0), 1), ("2026-03-03",): (D(3), 0)}
    apply_rate(world.north, "-100", day=3)
    assert prices_of("usage_on") == {("2026-03-02",): (D(0), 1)}  # 0, which is a price
    totals = db.read(
        lambda: prices.totals_of([world.ninas_subaccount], date(2026, 3, 1))[world.ninas_subaccount]
    )
    assert [(it.cloud_id, it.price, it.missing) for it in totals] == [(world.ninas_cloud, D(0), 1)]


def test_a_rate_that_is_set_after_staging_is_in_what_is_published(app: Flask, world: World) -> None:
    staged = stage(row("2", world.ninas_cloud))
    set_rate(world.north, "50")
    publish(staged)
    assert prices_of() == {(): (D(3), 0)}
    run_usage()
    assert prices_of() == {(): (D(3), 0)}


def test_removing_and_assigning_take_prices_along(app: Flask, world: World) -> None:
    set_rate(world.north, "50")
    kept = deliver(row("2", world.ninas_cloud), row("4", "unknown"))
    assign("unknown", world.ninas_cloud)
    assert prices_of("cloud_id") == {(world.ninas_cloud,): (D(9), 0)}
    assign("unknown", world.doras_cloud)
    assert prices_of("cloud_id") == {(world.ninas_cloud,): (D(3), 0)}
    remove(kept)
    assert prices_of() == {}


def test_a_link_takes_what_reaches_into_the_future_along(
    app: Flask, world: World, clock: Clock
) -> None:
    set_rate(world.north, "100")
    deliver(row("7", world.ninas_cloud, "02T09", "09T09"))
    clock.forward(days=1)
    move(world.ninas_cloud, world.direct)
    (price, _missing) = prices_of()[()]
    assert D("1.9") < price < D("2.1")
    move(world.ninas_cloud, world.ninas_subaccount)
    assert prices_of()[()][0] > D("13.9")


@ON_SQLITE
@pytest.mark.parametrize("percent", ["-100.0001", "1000000.0001", "0.00001", "NaN", "Infinity"])
def test_a_rate_has_a_range_and_four_decimals(app: Flask, world: World, percent: str) -> None:
    with pytest.raises(Refused, match="rate-range"):
        set_rate(world.north, percent)


@ON_SQLITE
def test_the_largest_rate_prices_exactly(app: Flask, world: World) -> None:
    set_rate(world.north, "1000000")
    costs = ("0.000000000000051", "12345.678901", "900000000000")
    deliver(*(row(cost, world.ninas_cloud) for cost in costs))
    assert prices_of() == {(): (D("9000900123469134.688901"), 0)}
    partner = BillingAccount(id=world.north)
    (month,) = db.read(lambda: prices.totals_for(partner))
    assert month.margin == D("9000000123456789.009999999999949")


@ON_SQLITE
def test_only_partners_have_rates_and_only_for_their_own_customers(
    app: Flask, world: World
) -> None:
    with pytest.raises(Refused, match="not-partner"):
        set_rate(world.direct, "1")
    with pytest.raises(Refused, match="account-unknown"):
        set_rate(world.south, "1", of=world.ninas_subaccount)


@ON_SQLITE
def test_prices_are_published_to_all_customers_or_to_one(app: Flask, world: World) -> None:
    def shown() -> tuple[bool, ...]:
        accounts = (world.ninas_subaccount, world.carls_subaccount)
        get = db.session.get_one
        return tuple(prices.is_published(get(BillingAccount, account)) for account in accounts)

    def unit(verb: object, of: str) -> None:
        partner = db.session.get_one(BillingAccount, world.north)
        verb(partner, subaccount_id=of, by=COMMAND)  # type: ignore[operator]

    steps = (
        (prices.publish, world.ninas_subaccount, (True, False)),
        (prices.publish, "", (True, True)),
        (prices.withdraw, world.ninas_subaccount, (False, True)),
        (prices.withdraw, "", (False, False)),
        (prices.publish, "", (True, True)),
    )
    assert db.read(shown) == (False, False)
    for verb, of, after in steps:
        db.write(lambda: unit(verb, of))  # noqa: B023 - runs at once
        assert db.read(shown) == after


MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)
UNIT = 10**15


@ON_SQLITE
def test_a_closed_month_keeps_its_price_and_the_next_open_one_gets_the_rest() -> None:
    posted = {MARCH: Sums(10 * UNIT, 10_000_000, 0)}

    def changes(added: dict[date, int], factor: int) -> dict[date, Sums]:
        found = differences(posted, added, factor, open_on=date(2026, 4, 1))
        return dict(found)

    assert changes({}, 1_100_000) == {APRIL: Sums(0, 1_000_000, 0)}
    assert changes({MAY: UNIT}, 1_100_000) == {MAY: Sums(UNIT, 2_100_000, 0)}
    assert changes({MAY: UNIT}, 1_000_000) == {MAY: Sums(UNIT, 1_000_000, 0)}


@ON_SQLITE
def test_prices_are_rounded_half_away_from_zero() -> None:
    half = 5 * 10**8
    assert [price_of(units, 10**6) for units in (half, -half, half - 1, 1 - half)] == [1, -1, 0, 0]
