"""Months: what their closing freezes, where late rows go, what becomes of lots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from portal import db
from portal.domain import policy, statements
from portal.domain.actors import COMMAND
from portal.domain.errors import Refused
from portal.domain.usage import Mode
from tests.domain.test_charges import give_lot, move
from tests.support.jobs import run_upkeep, run_usage
from tests.support.money import balance, borne, charges_of, entries, problems, row
from tests.support.months import APRIL, JUNE, MARCH, MAY, close, make_statements
from tests.support.prices import prices_of, set_rate
from tests.support.usage import deliver, publish, stage
from tests.support.world import Clock, World

D = Decimal


@pytest.fixture(autouse=True)
def proven(app: Flask) -> Iterator[None]:
    """After each test all sums are one, to the last digit."""
    yield
    assert problems() == []


@pytest.fixture
def by_itself(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing begins ten days after a month's end."""
    monkeypatch.setattr(policy, "_current", replace(policy.current(), close_after_days=10))


def spend_grant(world: World) -> None:
    """Let the initial grant of North pay for all that it can."""
    deliver(row("4000", world.ninas_cloud, "02T09"), source="Other")


def months() -> dict[date, str]:
    return db.read(lambda: {it.month_on: str(it.state) for it in statements.months_for(COMMAND)})


def refusal(unit: object) -> str:
    with pytest.raises(Refused) as caught:
        db.write(unit)  # type: ignore[arg-type]
    return str(caught.value.code)


def test_rows_for_a_closed_month_go_to_the_oldest_open_one_as_corrections(
    app: Flask, world: World, clock: Clock
) -> None:
    spend_grant(world)
    deliver(row("3", world.ninas_cloud))
    close(clock)
    deliver(row("2", world.ninas_cloud), row("5", world.ninas_cloud, "04T10"))
    assert charges_of("month_on", "usage_on") == {
        ("2026-03-01", "2026-03-02"): D(4003),
        ("2026-04-01", "2026-03-02"): D(-1),
        ("2026-04-01", "2026-03-04"): D(5),
    }
    assert balance(world.north) == D(-7)
    assert months() == {MARCH: "closed", APRIL: "open"}


def test_a_negative_for_a_closed_day_undoes_the_account_first_then_the_lot(
    app: Flask, world: World, clock: Clock
) -> None:
    spend_grant(world)
    give_lot(world.north, "4", 1, 31)
    deliver(row("6", world.ninas_cloud), row("1", world.ninas_cloud, "03T10"))
    assert borne(world.north) == {
        ("02", "lot"): D(4004),
        ("02", "personal"): D(2),
        ("03", "personal"): D(1),
    }
    close(clock)
    deliver(row("-5", world.ninas_cloud), mode=Mode.APPEND)
    assert borne(world.north) == {("02", "lot"): D(4001), ("03", "personal"): D(1)}
    close(clock, APRIL)
    deliver(row("-4003", world.ninas_cloud), mode=Mode.APPEND)
    assert borne(world.north) == {("02", "personal"): D(-2), ("03", "personal"): D(1)}


def test_what_is_left_of_a_lot_expires_with_the_month_of_its_last_day(
    app: Flask, world: World, clock: Clock
) -> None:
    deliver(row("3999", world.doras_cloud))
    close(clock)
    close(clock, APRIL)
    close(clock, MAY)  # the grant ended on 1 May
    assert entries(world.direct) == [("delivery", D(-3999), D(0)), ("expiry", D(-1), D(0))]
    deliver(row("1", world.doras_cloud, "03T10"), mode=Mode.APPEND)
    assert borne(world.direct) == {("02", "lot"): D(3999), ("03", "waived"): D(1)}
    deliver(row("-3", world.doras_cloud), mode=Mode.APPEND)
    assert borne(world.direct) == {("02", "lot"): D(3996), ("03", "lot"): D(1)}
    close(clock, JUNE)
    expired = [amount for kind, amount, _balance in entries(world.direct) if kind == "expiry"]
    assert expired == [D(-1), D(-2)]


def test_a_link_posts_what_it_changes_of_a_closed_month_to_the_open_one(
    app: Flask, world: World, clock: Clock
) -> None:
    start, end = "2026-03-31T00:00:00Z", "2026-04-02T00:00:00Z"
    reaching = {"ChargePeriodStart": start, "ChargePeriodEnd": end}
    deliver(row("48", world.ninas_cloud) | reaching)
    close(clock)
    clock.forward(hours=12)
    move(world.ninas_cloud, world.south)
    found = charges_of("payer_id", "month_on")
    assert {key: round(amount, 3) for key, amount in found.items()} == {
        (world.north, "2026-03-01"): D(48),
        (world.north, "2026-04-01"): D(-12),
        (world.south, "2026-04-01"): D(12),
    }


def test_closed_months_keep_their_prices(app: Flask, world: World, clock: Clock) -> None:
    set_rate(world.north, "10")
    deliver(row("3", world.ninas_cloud))
    run_usage()
    close(clock)
    with pytest.raises(Refused, match="month-closed"):
        set_rate(world.north, "20", 5)
    deliver(row("1", world.ninas_cloud), mode=Mode.APPEND)
    assert prices_of("month_on") == {
        ("2026-03-01",): (D("3.3"), 0),
        ("2026-04-01",): (D("1.1"), 0),
    }


def test_a_posting_that_was_prepared_before_the_closing_is_prepared_again(
    app: Flask, world: World, clock: Clock
) -> None:
    deliver(row("3", world.ninas_cloud))
    staged = stage(row("1", world.ninas_cloud), mode=Mode.APPEND)
    assert refusal(lambda: statements.close(MARCH, by=COMMAND)) == "month-not-over"
    clock.forward(days=40)
    assert refusal(lambda: statements.close(MARCH, by=COMMAND)) == "month-delivery-staged"
    db.write(
        lambda: db.session.execute(
            text("UPDATE deliveries SET state = 'uploading' WHERE state = 'staged'")
        )
    )
    close(clock)
    db.write(
        lambda: db.session.execute(
            text("UPDATE deliveries SET state = 'staged' WHERE state = 'uploading'")
        )
    )
    publish(staged)
    assert charges_of("month_on") == {("2026-03-01",): D(3), ("2026-04-01",): D(1)}


def test_months_are_closed_in_their_order_and_a_month_without_charges_as_well(
    app: Flask, world: World, clock: Clock
) -> None:
    deliver(row("3", world.ninas_cloud))
    clock.forward(days=70)
    assert refusal(lambda: statements.close(APRIL, by=COMMAND)) == "month-order"
    close(clock)
    assert refusal(lambda: statements.close(MARCH, by=COMMAND)) == "month-closed"
    close(clock, APRIL)
    assert months() == {MARCH: "closed", APRIL: "closed"}
    with pytest.raises(Refused, match="month-closed"):
        give_lot(world.north, "1", 1, 31)


@pytest.mark.usefixtures("by_itself")
def test_the_worker_closes_a_month_by_the_clock_and_tells_accountants_before(
    app: Flask, world: World, clock: Clock
) -> None:
    deliver(row("3", world.ninas_cloud))
    clock.forward(days=39)  # 10 April
    run_upkeep("close-months")
    assert months() == {MARCH: "open"}
    clock.forward(days=1)
    run_upkeep("close-months")
    assert months() == {MARCH: "finalising"}
    told = "SELECT email FROM notices JOIN users ON users.id = user_id WHERE kind = :kind"
    query = text(told).bindparams(kind="month.finalising")
    assert db.read(lambda: list(db.session.scalars(query))) == ["ace@north.example"]
    clock.forward(hours=23)
    run_upkeep("close-months")
    assert months() == {MARCH: "finalising"}
    clock.forward(hours=1)
    run_upkeep("close-months")
    assert months() == {MARCH: "closed"}


def test_a_month_waits_for_a_rate_that_is_being_applied(
    app: Flask, world: World, clock: Clock
) -> None:
    deliver(row("3", world.ninas_cloud))
    set_rate(world.north, "10")
    clock.forward(days=31)
    assert refusal(lambda: statements.close(MARCH, by=COMMAND)) == "month-rate-waits"
    run_usage()
    close(clock)
    assert prices_of() == {(): (D("3.3"), 0)}


@pytest.mark.usefixtures("by_itself")
def test_a_stopped_closing_begins_again_only_by_hand(
    app: Flask, world: World, clock: Clock
) -> None:
    deliver(row("3", world.ninas_cloud))
    clock.forward(days=50)
    make_statements()
    db.write(lambda: statements.stop(MARCH, by=COMMAND))
    assert refusal(lambda: statements.stop(MARCH, by=COMMAND)) == "month-not-finalising"
    make_statements()
    assert months() == {MARCH: "open"}
    db.write(lambda: statements.finalise(MARCH, by=COMMAND))
    assert months() == {MARCH: "finalising"}


def test_a_closed_month_stays_closed(app: Flask, world: World, clock: Clock) -> None:
    close(clock)
    for forbidden in (
        "UPDATE billing_months SET state = 'open', closed_at = NULL, closes_at = NULL",
        "DELETE FROM billing_months",
    ):
        with pytest.raises(DBAPIError):
            db.write(lambda: db.session.execute(text(forbidden)))  # noqa: B023
