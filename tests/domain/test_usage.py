"""Deliveries of usage: staged, published, replaced, removed; keys and what is before the portal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from portal import db
from portal.domain import audit, policy, usage
from portal.domain.actors import COMMAND
from portal.domain.audit import AuditLine
from portal.domain.clouds import Link
from portal.domain.errors import Code, Forbidden, ReauthenticationRequired, Refused
from portal.domain.usage import (
    Delivery,
    DeliveryPart,
    Mode,
    State,
    UsageGroup,
    UsageKey,
)
from portal.worker import usage_imports
from tests.support.jobs import run_usage
from tests.support.usage import (
    deliver,
    find,
    in_force,
    problems,
    publish,
    remove,
    stage,
    state_of,
)
from tests.support.world import DORA, OLGA, Clock, World, actor, all_rows

MARCH = {"BillingPeriodStart": "2026-03-01", "BillingPeriodEnd": "2026-04-01"}
ON_SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
D = Decimal


def row(cost: str = "1", key: str = "project-1", **values: str) -> dict[str, str]:
    return {"BilledCost": cost, "SubAccountId": key, **values}


def refusal(unit: Callable[[], object]) -> Code:
    """The code with which the unit is refused; it changes nothing."""
    before = all_rows()
    with pytest.raises(Refused) as error:
        db.write(unit)
    assert all_rows() == before
    return error.value.code


def publishing(delivery_id: str, **options: bool) -> Callable[[], None]:
    return lambda: usage.publish(db.session.get_one(Delivery, delivery_id), by=COMMAND, **options)


def test_nobody_reads_a_delivery_before_it_is_published_and_its_sum_is_exact(app: Flask) -> None:
    cents = [row("0.000000000000001"), row("-0.1"), row("1e3", "project-2"), row("0.1", "b")]
    delivery_id = stage(*cents)
    assert (in_force(), state_of(delivery_id)) == ({}, State.STAGED)
    publish(delivery_id)
    assert in_force() == {
        "project-1": D("-0.099999999999999"),
        "project-2": D(1000),
        "b": D("0.1"),
    }
    delivery = db.session.get_one(Delivery, delivery_id)
    assert (delivery.rows, delivery.amount) == (4, D("1000.000000000000001"))
    assert problems() == []
    line = db.session.scalars(select(AuditLine).order_by(AuditLine.seq.desc())).first()
    assert line is not None
    assert (line.chain, line.action, line.thing) == (
        audit.INSTALLATION,
        "usage.publish",
        delivery_id,
    )


def test_the_last_snapshot_counts_in_its_periods_and_appended_rows_are_added(app: Flask) -> None:
    first = deliver(row("1"), row("10", **MARCH))
    deliver(row("2"), mode=Mode.APPEND)
    deliver(row("100"), source="Other")
    assert in_force() == {"project-1": D(113)}
    deliver(row("3"))
    assert in_force() == {"project-1": D(113)}
    remove(first)
    assert in_force() == {"project-1": D(103)}
    assert problems() == []


@ON_SQLITE
def test_removing_a_snapshot_brings_no_older_one_back(app: Flask) -> None:
    deliver(row("1"))
    second = deliver(row("2"))
    remove(second)
    assert (in_force(), state_of(second)) == ({}, State.REMOVED)
    remove(second)  # has no effect
    assert problems() == []


@ON_SQLITE
def test_two_equal_rows_are_two_rows(app: Flask) -> None:
    deliver(row("1.5"), row("1.5"))
    assert in_force() == {"project-1": D(3)}


@ON_SQLITE
def test_what_is_in_force_is_already_there_and_an_append_is_asked_for(app: Flask) -> None:
    deliver(row("1"))
    assert refusal(publishing(stage(row("1")))) == Code.USAGE_ALREADY_THERE
    deliver(row("5"), mode=Mode.APPEND)
    deliver(row("1"))  # what was appended has changed the period
    assert in_force() == {"project-1": D(1)}
    deliver(row("5"), mode=Mode.APPEND)
    again = stage(row("5"), mode=Mode.APPEND)
    assert refusal(publishing(again)) == Code.USAGE_APPEND_AGAIN
    publish(again, again=True)
    assert in_force() == {"project-1": D(11)}


@ON_SQLITE
def test_bad_rows_are_skipped_only_when_that_is_meant(app: Flask) -> None:
    delivery_id = stage(row("1"), row("1_000"), row("2", BillingCurrency="USD"))
    assert refusal(publishing(delivery_id)) == Code.USAGE_BAD_ROWS
    publish(delivery_id, skip_bad_rows=True)
    assert in_force() == {"project-1": D(1)}
    listed = db.session.get_one(Delivery, delivery_id).bad_listed
    assert listed == [
        ["usage.csv", 3, "not-a-number", "BilledCost", "1_000"],
        ["usage.csv", 4, "currency", "BillingCurrency", "USD"],
    ]
    assert refusal(publishing(stage(row("x")), skip_bad_rows=True)) == Code.USAGE_NO_ROWS


def test_rows_are_kept_as_delivered_in_pieces(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_imports.pieces, "PIECE_ROWS", 3)
    delivery_id = deliver(*(row(str(number), f"p{number % 4}") for number in range(8)))
    query = select(DeliveryPart.number, DeliveryPart.kind, DeliveryPart.rows).order_by(
        DeliveryPart.number, DeliveryPart.kind
    )
    assert [tuple(part) for part in db.session.execute(query)] == [
        (number, kind, rows)
        for number, rows in ((1, 3), (2, 3), (3, 2))
        for kind in ("amounts", "extras")
    ]
    assert db.session.scalar(select(func.count()).select_from(UsageGroup)) == 4
    assert problems() == []
    db.write(lambda: db.session.execute(text("UPDATE usage_groups SET rest = 1 WHERE number = 0")))
    found = [f"groups-differ-from-{what}: {delivery_id}" for what in ("delivery", "key")]
    assert problems() == [*found, f"kept-rows-differ: {delivery_id}"]


def test_rows_of_our_ids_are_the_clouds_and_what_ends_before_its_first_link_is_apart(
    app: Flask, world: World
) -> None:
    since = db.session.scalars(
        select(Link.since_at).where(Link.cloud_id == world.doras_cloud)
    ).one()
    moments = [since - timedelta(hours=1), since, since + timedelta(hours=1)]
    earlier, first, later = (moment.isoformat() for moment in moments)
    times = [
        ("2026-02-01", "2026-03-01"),
        (earlier, first),
        (earlier, later),
        (earlier, earlier),
        (first, first),
        (first, later),
    ]
    rows = [
        row(str(10**n), world.doras_cloud, ChargePeriodStart=start, ChargePeriodEnd=end, **MARCH)
        for n, (start, end) in enumerate(times)
    ]
    delivery_id = deliver(*rows, row("5", "unknown", **MARCH))
    shown = db.read(lambda: usage.preview(db.session.get_one(Delivery, delivery_id)))
    assert shown.before == (3, D(1011))
    assert shown.unassigned == (1, D(5))
    (before,) = db.read(lambda: usage.before_for(COMMAND))
    assert (before.cloud_id, before.sum) == (world.doras_cloud, (3, D(1011)))


def assign(key: str, cloud_id: str, source: str = "Vendor") -> None:
    """Assign a key, and let the worker apply it."""

    def unit() -> None:
        row = usage.find_key(find(source), key)
        assert row is not None
        usage.assign(row, cloud_id=cloud_id, by=COMMAND)

    db.write(unit)
    run_usage()


def test_an_assignment_holds_for_rows_past_and_to_come(app: Flask, world: World) -> None:
    old = row("3", ChargePeriodStart="2026-01-01", ChargePeriodEnd="2026-01-02")
    deliver(old, row("1"), row("2", "project-2"), row("8", "project-2", **MARCH))
    deliver(row("7"), source="Other")
    keys = [
        (key.source, key.key, key.sum) for key in db.read(lambda: usage.unassigned_for(COMMAND))
    ]
    assert keys == [
        ("Other", "project-1", (1, D(7))),
        ("Vendor", "project-1", (2, D(4))),
        ("Vendor", "project-2", (2, D(10))),
    ]
    staged = stage(row("30"), old)
    assign("project-1", world.doras_cloud)
    assert [key.source for key in db.read(lambda: usage.unassigned_for(COMMAND))] == [
        "Other",
        "Vendor",
    ]
    (before,) = db.read(lambda: usage.before_for(COMMAND))
    assert (before.cloud_id, before.sum) == (world.doras_cloud, (1, D(3)))
    publish(staged)
    shown = db.read(lambda: usage.preview(db.session.get_one(Delivery, staged)))
    assert (shown.unassigned.rows, shown.before) == (0, (1, D(3)))
    assert problems() == []


@ON_SQLITE
def test_an_assignment_while_a_delivery_is_staged_counts(
    app: Flask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = row("3", ChargePeriodStart="2026-01-01", ChargePeriodEnd="2026-01-02")
    deliver(row("1"))
    finish, done = usage_imports._finish, []

    def between(*arguments: object) -> bool:
        if not done:
            done.append(1)
            assign("project-1", world.doras_cloud)
        return finish(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(usage_imports, "_finish", between)
    delivery_id = stage(row("2"), old)
    shown = db.read(lambda: usage.preview(db.session.get_one(Delivery, delivery_id)))
    assert (shown.unassigned.rows, shown.before) == (0, (1, D(3)))


@ON_SQLITE
def test_currency_and_zone_are_fixed_by_the_first_published_delivery(app: Flask) -> None:
    first, second = stage(row("1")), stage(row("2"))
    before = policy.current()
    policy.configure(policy.Policy(currency="EUR", billing_time_zone=ZoneInfo("Europe/Berlin")))
    try:
        assert refusal(publishing(first)) == Code.USAGE_READ_OTHERWISE
        policy.configure(before)
        publish(first)
        policy.configure(policy.Policy(currency="USD"))
        assert refusal(publishing(second)) == Code.USAGE_MONEY_CHANGED
    finally:
        policy.configure(before)
    publish(second)


@ON_SQLITE
def test_only_operators_deliver_and_publishing_needs_a_recent_sign_in(app: Flask) -> None:
    delivery_id = stage(row("1"))
    for verb in (usage.publish, usage.remove):
        with pytest.raises(ReauthenticationRequired):
            db.write(lambda: verb(db.session.get_one(Delivery, delivery_id), by=actor(OLGA)))  # noqa: B023
    with pytest.raises(Forbidden):
        db.write(lambda: usage.discard(db.session.get_one(Delivery, delivery_id), by=actor(DORA)))
    with pytest.raises(Forbidden):
        db.write(lambda: usage.add_source("Mine", by=actor(DORA)))
    assert db.find(Delivery, delivery_id, actor(OLGA)) is None


@ON_SQLITE
def test_a_name_of_a_source_is_unique(app: Flask) -> None:
    deliver(row("1"))
    with pytest.raises(Refused) as error:
        db.write(lambda: usage.add_source(" vendor", by=COMMAND))
    assert error.value.code == Code.USAGE_SOURCE_NAME_TAKEN


def clear() -> None:
    while db.write(usage.purge_expired):
        pass


def count(model: type[db.Base]) -> int:
    return db.read(lambda: db.session.scalar(select(func.count()).select_from(model)) or 0)


def test_what_nobody_publishes_and_what_is_replaced_goes_after_its_retention(
    app: Flask, clock: Clock
) -> None:
    unused, old = stage(row("1")), deliver(row("2"))
    new = deliver(row("3"))
    discarded = stage(row("4"))
    db.write(lambda: usage.discard(db.session.get_one(Delivery, discarded), by=COMMAND))
    clear()
    assert count(DeliveryPart) == 6
    clock.forward(days=4)
    clear()
    assert (state_of(unused), count(DeliveryPart)) == (State.REFUSED, 4)
    clock.forward(days=35)
    clear()
    kept = db.read(lambda: set(db.session.scalars(select(DeliveryPart.delivery_id))))
    assert (kept, state_of(old), in_force()) == ({new}, State.PUBLISHED, {"project-1": D(3)})
    assert count(UsageGroup) == 1
    assert problems() == []


@ON_SQLITE
def test_keys_of_a_refused_delivery_stay_unused(app: Flask) -> None:
    delivery_id = stage(row("1"))
    db.write(lambda: usage.discard(db.session.get_one(Delivery, delivery_id), by=COMMAND))
    clear()
    assert (count(UsageKey), db.read(lambda: usage.unassigned_for(COMMAND))) == (2, [])
