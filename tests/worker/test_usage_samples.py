"""Connections that only say what is given out now: hourly samples, at rates from a day on."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import select

from portal import db
from portal.domain import metering
from portal.domain.errors import Refused
from portal.domain.metering import Line, UsageSample
from portal.providers.contract import Later, Usage
from tests.support.clouds import create_cloud
from tests.support.jobs import run_upkeep
from tests.support.metering import (
    days_in_force,
    deliver_due,
    find_ability,
    place,
    set_rates,
    use_metered,
)
from tests.support.money import charges_of, problems
from tests.support.pretended_cloud import PretendedCloud, run_orders
from tests.support.relay import clear_mails
from tests.support.world import DORA, Clock, World

RATES = {"cpu": Decimal("0.01"), "memory": Decimal("0.002"), "disk": Decimal("0.1")}


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture
def there(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> PretendedCloud:
    clear_mails()
    return use_metered(monkeypatch, "usage-sample")


@pytest.fixture
def shop(there: PretendedCloud, clock: Clock) -> str:
    """Dora's cloud, at 00:30 of the next day, with what is given out to it."""
    cloud_id = create_cloud(DORA, name="shop")
    run_orders()
    give_out(there, cloud_id)
    midnight = datetime.combine(today() + timedelta(days=1), time(), UTC)
    clock.forward(seconds=(midnight - db.read(db.now)).total_seconds() + 1800)
    return cloud_id


def give_out(there: PretendedCloud, cloud_id: str, cpus: str = "2") -> None:
    quantities = {"cpu": cpus, "memory": "4", "disk": "31", "instances": "1"}
    there.usage_rows = [
        Usage(f"ext-{cloud_id}", f"ext-{cloud_id}", name, Decimal(quantity), "")
        for name, quantity in quantities.items()
    ]


def sample_hours(clock: Clock, number: int) -> None:
    for _ in range(number):
        run_upkeep("fetch-usage")
        run_orders()
        clock.forward(hours=1)


def today() -> date:
    return db.read(db.now).date()


def lines(day: date) -> list[Line]:
    return db.read(lambda: metering.lines_of(place().id, day))


def test_hours_on_end_are_one_line_at_the_rates_of_the_day(
    there: PretendedCloud, shop: str, clock: Clock
) -> None:
    day = today()
    set_rates(day, **RATES)
    set_rates(day + timedelta(days=1), cpu=Decimal(100))
    sample_hours(clock, 3)
    clock.forward(hours=1)  # an hour without a sample
    sample_hours(clock, 2)
    give_out(there, shop, cpus="3")
    sample_hours(clock, 1)

    cpu, memory, disk = ([it for it in lines(day) if it.service == name] for name in SERVICES)
    assert [(it.start.hour, it.end.hour, it.quantity, it.cost) for it in cpu] == [
        (0, 3, Decimal(6), Decimal("0.06")),
        (4, 6, Decimal(4), Decimal("0.04")),
        (6, 7, Decimal(3), Decimal("0.03")),
    ]
    assert [(it.quantity, it.cost) for it in memory] == [
        (Decimal(12), Decimal("0.024")),
        (Decimal(12), Decimal("0.024")),
    ]
    # 31 GiB for 3 of the 744 hours of March
    assert [(it.quantity, it.cost) for it in disk] == [(Decimal("0.125"), Decimal("0.0125"))] * 2
    assert len(lines(day)) == 7


def keep_samples(day: date, quantities: dict[str, dict[str, str]]) -> None:
    """Keep the same sample of every hour of the day, in a unit of work."""
    for hour in range(1, 24):
        hour_at = datetime.combine(day, time(hour), UTC)
        metering.keep_sample(place().id, hour_at, quantities)


SERVICES = ("CPU", "Memory", "Disk")


def test_a_day_of_samples_is_delivered_and_again_when_its_rates_are_set(
    there: PretendedCloud, shop: str, clock: Clock
) -> None:
    day = today()
    sample_hours(clock, 1)
    db.write(lambda: keep_samples(day, db.session.scalars(select(UsageSample)).one().quantities))
    clock.forward(days=1, hours=2)
    deliver_due()
    assert days_in_force() == {day: 0}  # no rates yet
    set_rates(day, cpu=RATES["cpu"], memory=RATES["memory"])
    deliver_due()
    cost = 24 * (2 * RATES["cpu"] + 4 * RATES["memory"])
    assert days_in_force() == {day: cost}
    assert charges_of("cloud_id") == {(shop,): cost}
    assert problems() == []


def test_a_day_without_a_sample_is_not_delivered_as_empty(
    there: PretendedCloud, shop: str, clock: Clock
) -> None:
    day = today()
    sample_hours(clock, 1)
    there.fail(*[Later("no answer")] * 100)
    clock.forward(days=3)
    deliver_due()
    assert list(days_in_force()) == [day]


def test_an_hour_has_one_sample_of_our_clouds(
    there: PretendedCloud, shop: str, clock: Clock
) -> None:
    there.usage_rows.append(Usage("theirs", "theirs", "cpu", Decimal(9), ""))
    sample_hours(clock, 1)
    clock.forward(hours=-1)
    give_out(there, shop, cpus="9")
    sample_hours(clock, 1)
    rows = db.read(lambda: list(db.session.scalars(select(UsageSample))))
    assert [(row.hour_at.minute, row.quantities) for row in rows] == [
        (0, {f"ext-{shop}": {"cpu": "2", "memory": "4", "disk": "31"}})
    ]


def test_old_samples_are_deleted(there: PretendedCloud, shop: str, clock: Clock) -> None:
    sample_hours(clock, 1)
    clock.forward(days=109)
    run_upkeep("purge-samples")
    assert db.read(lambda: db.session.scalar(select(UsageSample))) is not None
    clock.forward(days=2)
    run_upkeep("purge-samples")
    assert db.read(lambda: db.session.scalar(select(UsageSample))) is None


def test_rates_are_for_sampled_connections_and_days_that_can_be_delivered_again(
    there: PretendedCloud, shop: str
) -> None:
    with pytest.raises(Refused, match="usage-rates-early"):
        set_rates(today() - timedelta(days=100))
    find_ability("usage-history")
    with pytest.raises(Refused, match="usage-not-sampled"):
        set_rates(today())
