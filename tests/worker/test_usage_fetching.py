"""Connections deliver usage by themselves: whole UTC days, the last three again, empty ones too."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import select

from portal import db
from portal.domain import connections, metering, readiness, statements, usage
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud
from portal.domain.connections import Findings
from portal.domain.metering import RATED
from portal.domain.readiness import Cause
from portal.domain.usage import UsageSource
from portal.providers.contract import Later, NeedsPerson, Usage
from portal.worker import usage_fetching
from tests.domain.test_lock_order import faults
from tests.support.clouds import create_cloud
from tests.support.jobs import run_upkeep
from tests.support.metering import (
    days_in_force,
    deliver_due,
    deliveries,
    find_ability,
    place,
    use_metered,
    used,
)
from tests.support.money import charges_of, problems
from tests.support.pretended_cloud import PretendedCloud, run_orders
from tests.support.relay import clear_mails
from tests.support.usage import add_source, in_force, remove
from tests.support.work import appoint_operator
from tests.support.world import DORA, Clock, World
from tests.worker.test_killed_usage_imports import die_after, run_and_wait_for_death


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """SQLite, unless a test says otherwise."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
def there(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> PretendedCloud:
    clear_mails()
    return use_metered(monkeypatch)


@pytest.fixture
def shop(there: PretendedCloud) -> str:
    """Dora's cloud, which is carried out."""
    cloud_id = create_cloud(DORA, name="shop")
    run_orders()
    there.usage_rows = [used(cloud_id)]
    return cloud_id


def today() -> date:
    return db.read(db.now).date()


def days_ago(*numbers: int) -> list[date]:
    return [today() - timedelta(days=number) for number in numbers]


def fault() -> tuple[str, dict[str, str]]:
    status = db.read(lambda: metering.statuses_for(appoint_operator())[place().id])
    return status.fault, status.fault_facts


def asked(there: PretendedCloud) -> list[str]:
    """The days that the connection was asked for since the last look."""
    found = [call.removeprefix("usage ") for call in there.calls if call.startswith("usage ")]
    there.calls.clear()
    return found


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.both_databases
def test_days_are_overwritten_also_by_nothing(
    there: PretendedCloud, shop: str, clock: Clock
) -> None:
    first = today()
    clock.forward(days=1)
    there.usage_rows = [used(shop, "1.25"), used(shop, "0.0000000001", "v2")]
    deliver_due()
    assert days_in_force() == {first: Decimal("1.2500000001")}
    assert charges_of("cloud_id", "month_on") == {
        (shop, first.replace(day=1).isoformat()): Decimal("1.2500000001")
    }
    clock.forward(days=1)
    there.usage_rows = []
    deliver_due()
    assert days_in_force() == {first: 0, first + timedelta(days=1): 0}
    assert charges_of("cloud_id") == {}
    there.usage_rows = [used(shop, "-3")]
    clock.forward(days=1)
    deliver_due()
    assert days_in_force() == dict.fromkeys(reversed(days_ago(1, 2, 3)), Decimal(-3))
    assert problems() == []


def test_each_day_is_fetched_on_three_days_and_after_an_outage_once_more(
    there: PretendedCloud, shop: str, clock: Clock
) -> None:
    clock.forward(days=1)
    deliver_due()
    assert asked(there) == [str(day) for day in days_ago(1)]
    deliver_due()
    assert asked(there) == []
    clock.forward(days=6)
    deliver_due()
    # The first day was delivered before usage of it could have come in late.
    assert asked(there) == [str(day) for day in days_ago(1, 2, 3, 4, 5, 6, 7)]
    clock.forward(days=1)
    deliver_due()
    assert asked(there) == [str(day) for day in days_ago(1, 2, 3)]


def test_days_of_a_closed_month_are_fetched_again_seven_days_after_the_closing(
    there: PretendedCloud, shop: str, clock: Clock
) -> None:
    clock.forward(days=40)
    deliver_due()
    db.write(lambda: statements.close(date(2026, 3, 1), by=COMMAND))
    there.calls.clear()
    clock.forward(days=8)
    deliver_due()
    days = asked(there)
    assert {"2026-03-02", "2026-03-31"} <= set(days)
    deliver_due()
    assert asked(there) == []


def test_a_day_is_due_three_hours_after_it_is_over(
    there: PretendedCloud, shop: str, clock: Clock
) -> None:
    now = db.read(db.now)
    midnight = now.replace(hour=0, minute=0) + timedelta(days=1)
    clock.forward(seconds=(midnight - now).total_seconds() + 2 * 3600)
    deliver_due()
    assert asked(there) == []
    clock.forward(hours=1)
    deliver_due()
    assert asked(there) == [str(day) for day in days_ago(1)]


def test_closed_months_are_due_again_after_7_and_35_days() -> None:
    first, closed = date(2026, 11, 1), {date(2026, 10, 1): at("2026-11-10")}
    delivered = {date(2026, 10, day): at("2026-11-03") for day in range(1, 32)}

    def due(now: str) -> list[date]:
        days = metering.due_days(first, now=at(now), delivered=delivered, closed=closed)
        return [day for day in days if day.month == 10]

    assert due("2026-11-16") == []
    assert len(due("2026-11-17")) == 31
    delivered |= dict.fromkeys(delivered, at("2026-11-18"))
    assert (due("2026-12-14"), len(due("2026-12-15"))) == ([], 31)


def at(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00+00:00")


def test_other_clouds_and_resources_named_like_ours_are_not_counted(
    there: PretendedCloud, shop: str, world: World, clock: Clock
) -> None:
    theirs = Usage("prj-1", "v1", "volume", Decimal(1), "GiB", Decimal(7))
    there.usage_rows = [theirs, used(shop, "2", resource=world.carls_cloud)]
    clock.forward(days=1)
    deliver_due()
    assert in_force() == {f"ext-{shop}": Decimal(2)}
    assert charges_of("cloud_id") == {(shop,): Decimal(2)}


def test_a_cloud_that_was_created_again_there_is_still_charged_for_what_it_used_before(
    there: PretendedCloud, shop: str, clock: Clock
) -> None:
    clock.forward(days=1)
    deliver_due()

    def create_again() -> None:
        db.lock(Cloud, shop).external_id = "another"
        db.session.flush()

    db.write(create_again)
    again = Usage("another", "v1", "volume", Decimal(1), "GiB", Decimal(2))
    there.usage_rows.append(again)
    clock.forward(days=1)
    deliver_due()
    assert in_force() == {f"ext-{shop}": Decimal(2), "another": Decimal(4)}
    assert charges_of("cloud_id") == {(shop,): Decimal(6)}


def test_a_connection_that_lost_the_right_to_read_usage_is_a_problem(
    there: PretendedCloud, shop: str, clock: Clock
) -> None:
    clock.forward(days=1)
    deliver_due()
    lost, delivered = Findings(missing=("read the usage of all projects (403)",)), days_in_force()
    by, connection, (day,), there.usage_rows = appoint_operator(), place(), days_ago(1), []
    db.write(lambda: metering.queue_fetch(connection, since_on=day, by=by))
    db.write(lambda: connections.record_test(connection.id, lost))
    run_orders()
    assert days_in_force() == delivered
    clock.forward(days=2, hours=2)
    run_upkeep("fetch-usage")
    assert Cause.NO_USAGE in causes()


def test_a_source_takes_the_name_of_its_connection_unless_another_has_it(
    there: PretendedCloud, shop: str, clock: Clock
) -> None:
    add_source("Frankfurt")
    clock.forward(days=1)
    deliver_due()
    query = select(UsageSource).where(UsageSource.connection_id.is_not(None))
    (source,) = db.read(lambda: list(db.session.scalars(query)))
    assert (source.name, source.connection_id) == (place().id, place().id)


def test_costs_in_another_currency_are_not_delivered(
    there: PretendedCloud, shop: str, clock: Clock
) -> None:
    db.write(set_currency)
    clock.forward(days=1)
    deliver_due()
    assert (deliveries(), asked(there)) == ([], [])
    assert fault() == ("usage-currency", {"theirs": "USD", "ours": "EUR"})


def set_currency() -> None:
    connections.default().settings = {"currency": "USD"}
    db.session.flush()


def test_a_row_that_can_not_be_charged_refuses_the_delivery_with_its_reason(
    there: PretendedCloud, shop: str, clock: Clock
) -> None:
    there.usage_rows = [used(shop, "1" * 13)]
    clock.forward(days=1)
    deliver_due()
    assert [row.state for row in deliveries()] == [usage.State.REFUSED]
    assert fault()[0] == "usage-refused"
    assert deliveries()[0].refusal == {"code": "usage-bad-fetched", "facts": {"count": 1}}
    there.usage_rows = [used(shop)]
    clock.forward(hours=5)
    deliver_due()
    assert days_in_force() == {}
    clock.forward(hours=2)
    deliver_due()
    assert days_in_force() == dict.fromkeys(days_ago(1), Decimal(1))
    assert fault() == ("", {})


def test_days_before_a_fault_are_delivered_and_the_rest_is_tried_again(
    there: PretendedCloud, shop: str, clock: Clock
) -> None:
    clock.forward(days=2)
    there.meanwhile = [lambda: None, lambda: there.fail(NeedsPerson("openstack-no-rating"))]
    deliver_due()
    assert days_in_force() == dict.fromkeys(days_ago(1), Decimal(1))
    assert fault()[0] == "openstack-no-rating"
    clock.forward(hours=1)
    deliver_due()
    assert days_in_force() == dict.fromkeys(reversed(days_ago(1, 2)), Decimal(1))
    assert fault()[0] == ""


def test_many_days_are_delivered_by_several_orders(
    there: PretendedCloud, shop: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_fetching, "MAX_DAYS", 2)
    clock.forward(days=5)
    deliver_due()
    assert [row.rows for row in deliveries()] == [2, 2, 1]
    assert list(days_in_force()) == days_ago(5, 4, 3, 2, 1)


def test_a_connection_that_does_not_deliver_for_two_days_is_a_problem(
    there: PretendedCloud, shop: str, clock: Clock
) -> None:
    clock.forward(days=1)
    deliver_due()
    delivered_at = db.read(db.now)
    clock.forward(days=1, hours=12)
    there.fail(*[Later("no answer")] * 20)
    deliver_due()
    assert Cause.NO_USAGE not in causes()
    clock.forward(hours=13)
    run_upkeep("fetch-usage")
    assert Cause.NO_USAGE in causes()
    (since,) = [row.since for row in db.read(readiness.problems) if row.cause == Cause.NO_USAGE]
    assert since is not None
    assert abs(since - delivered_at) < timedelta(minutes=1)


def causes() -> list[str]:
    return [problem.cause for problem in db.read(readiness.problems)]


def test_a_removed_delivery_comes_back_when_its_days_are_fetched_again(
    there: PretendedCloud, shop: str, clock: Clock
) -> None:
    clock.forward(days=4)
    deliver_due()
    (delivery,) = deliveries()
    remove(delivery.id)
    asked(there)
    deliver_due()
    assert (asked(there), days_in_force()) == ([], {})
    fetch_since(days_ago(4)[0])
    assert list(days_in_force()) == days_ago(4, 3, 2, 1)


def fetch_since(day: date) -> None:
    by, connection = appoint_operator(), place()
    db.write(lambda: metering.queue_fetch(connection, since_on=day, by=by))
    run_orders()


PHASES = ("begin", "finish", "publish")
"""Those between are the same as of an import."""


@pytest.mark.parametrize("phase", PHASES)
def test_a_fetch_whose_worker_is_killed_is_right_after_a_second_run(
    there: PretendedCloud,
    shop: str,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    phase: str,
) -> None:
    clock.forward(days=2)
    run_upkeep("fetch-usage")
    with monkeypatch.context() as patch:
        die_after(patch, phase)
        run_and_wait_for_death(run_orders)
    assert days_in_force() == {}
    clock.forward(minutes=10)
    run_orders()  # the lease of the dead worker ends
    clock.forward(minutes=10)
    run_orders()
    assert days_in_force() == dict.fromkeys(reversed(days_ago(1, 2)), Decimal(1))
    assert charges_of("cloud_id") == {(shop,): Decimal(2)}
    assert problems() == []


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_its_verbs_lock_in_the_one_order(there: PretendedCloud, shop: str, clock: Clock) -> None:
    clock.forward(days=2)
    find_ability("usage-sample")
    connection, by, day = place(), appoint_operator(), days_ago(1)[0]
    rates = dict.fromkeys(RATED, Decimal(1))
    for unit in (
        metering.queue_due,
        lambda: metering.queue_fetch(connection, since_on=day, by=by),
        lambda: metering.set_rates(connection, since_on=day, rates=rates, by=by),
        lambda: metering.record_success(connection.id, was_asked=True, left=[day]),
        lambda: metering.record_fault(connection.id, "fault", {}),
    ):
        assert faults(unit) == []
