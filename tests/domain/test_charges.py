"""Charges: who pays for rows of usage, from which lot or account, and what changes that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from flask import Flask

from portal import db
from portal.domain import accounts, ledger, links, usage
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud
from portal.domain.errors import Refused
from portal.domain.usage import Delivery, Mode, UsageKey
from tests.support.jobs import run_usage
from tests.support.money import balance, borne, charges_of, entries, problems, row
from tests.support.usage import deliver, find, publish, remove, stage
from tests.support.world import Clock, World

D = Decimal
ON_SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def proven(app: Flask) -> Iterator[None]:
    """After each test all sums are one, to the last digit."""
    yield
    assert problems() == []


def move(cloud_id: str, account_id: str) -> None:
    """Link a cloud to another account, whatever the rules of linking say."""

    def unit() -> None:
        to = db.session.get_one(BillingAccount, account_id)
        links.move(db.lock(Cloud, cloud_id), by=COMMAND, to=to)

    db.write(unit)


def switch_to_paid(account_id: str) -> None:
    account = db.read(lambda: db.session.get_one(BillingAccount, account_id))
    db.write(lambda: accounts.switch_to_paid(account, by=COMMAND))


def give_lot(account_id: str, amount: str, first: int, last: int) -> None:
    def unit() -> None:
        account = db.session.get_one(BillingAccount, account_id)
        days = {"first_on": date(2026, 3, first), "last_on": date(2026, 3, last)}
        ledger.give_lot(account, amount=D(amount), reason="Test", by=COMMAND, **days)

    db.write(unit)


def key(name: str = "project") -> UsageKey:
    found = usage.find_key(find("Vendor"), name)
    assert found is not None
    return found


def assign(name: str, cloud_id: str) -> None:
    db.write(lambda: usage.assign(key(name), cloud_id=cloud_id, by=COMMAND))
    run_usage()


def status(account_id: str) -> str:
    return db.read(lambda: str(db.session.get_one(BillingAccount, account_id).status))


def test_the_grant_pays_first_and_in_trial_the_rest_is_waived(app: Flask, world: World) -> None:
    deliver(row("3999.5", world.doras_cloud))
    assert (status(world.direct), borne(world.direct)) == (
        "TRIAL_ACTIVE",
        {("02", "lot"): D("3999.5")},
    )
    deliver(row("2", world.doras_cloud, "03T10"), mode=Mode.APPEND)
    assert borne(world.direct) == {
        ("02", "lot"): D("3999.5"),
        ("03", "lot"): D("0.5"),
        ("03", "waived"): D("1.5"),
    }
    assert (status(world.direct), balance(world.direct)) == ("TRIAL_EXPIRED", D(0))
    assert entries(world.direct) == [
        ("delivery", D("-3999.5"), D(0)),
        ("delivery", D("-0.5"), D(0)),
        ("delivery", D("-1.5"), D(0)),
    ]


def test_the_account_pays_from_the_day_after_the_switch(
    app: Flask, world: World, clock: Clock
) -> None:
    future = row("1", world.doras_cloud, "05T10")
    deliver(row("4000", world.doras_cloud), row("7", world.doras_cloud, "03T10"), future)
    clock.forward(days=1)
    switch_to_paid(world.direct)
    assert borne(world.direct) == {
        ("02", "lot"): D(4000),
        ("03", "waived"): D(7),
        ("05", "personal"): D(1),
    }
    assert entries(world.direct)[-2:] == [("switch", D(1), D(0)), ("switch", D(-1), D(-1))]


def test_a_partner_pays_for_its_subaccounts_and_rounds_once(app: Flask, world: World) -> None:
    deliver(
        row("0.0000003", world.ninas_cloud),
        row("0.0000003", world.ninas_cloud, ChargeCategory="Tax"),
        row("0.0000003", world.ninas_cloud, "02T12", ServiceName="Storage"),
    )
    assert charges_of("account_id", "payer_id") == {
        (world.ninas_subaccount, world.north): D("0.0000009")
    }
    assert borne(world.north) == {("02", "lot"): D("0.000001")}
    assert db.read(lambda: ledger.money_of(world.ninas_subaccount)) is None


def test_a_snapshot_posts_differences_and_equal_rows_under_another_hash_no_entry(
    app: Flask, world: World
) -> None:
    first, second = row("1.5", world.doras_cloud), row("2", world.doras_cloud, "03T10")
    deliver(first, second)
    deliver(second, first)
    assert len(entries(world.direct)) == 1
    last = stage(row("1", world.doras_cloud), second)
    changes = db.read(lambda: usage.changes_of(db.session.get_one(Delivery, last)))
    assert changes is not None
    (change,) = changes.rows
    assert (change.account_id, change.old, change.new) == (world.direct, D("3.5"), D(3))
    publish(last)
    assert entries(world.direct) == [("delivery", D("-3.5"), D(0)), ("delivery", D("0.5"), D(0))]
    remove(last)
    assert (borne(world.direct), charges_of("cloud_id")) == ({}, {})
    assert entries(world.direct)[-1] == ("removal", D(3), D(0))


def test_removing_one_of_several_appended_files_takes_its_rows_back(
    app: Flask, world: World
) -> None:
    one, two = row("1", world.doras_cloud), row("2", world.doras_cloud)
    first = deliver(one, mode=Mode.APPEND)
    deliver(two, mode=Mode.APPEND)
    remove(first)
    assert borne(world.direct) == {("02", "lot"): D(2)}


def test_a_link_in_the_middle_of_a_row_already_posted_splits_it_to_the_last_digit(
    app: Flask, world: World, clock: Clock
) -> None:
    monthly = row("0.000000000000007", world.doras_cloud, "02T09", "02T16")
    fee = row("5", world.doras_cloud, "02T09", "31T09", ChargeCategory="Purchase")
    later = row("7", world.doras_cloud, "04T09", "05T09", ChargeCategory="Tax")
    deliver(monthly, fee, later)
    clock.now = clock.now.replace(hour=11, minute=59, second=59)
    move(world.doras_cloud, world.ninas_subaccount)
    expected = {
        (world.direct, "Usage", "2026-03-02"): D("0.000000000000002"),
        (world.ninas_subaccount, "Usage", "2026-03-02"): D("0.000000000000005"),
        (world.direct, "Purchase", "2026-03-02"): D(5),
        (world.ninas_subaccount, "Tax", "2026-03-04"): D(7),
    }
    columns = ("account_id", "category", "usage_on")
    assert charges_of(*columns) == expected
    deliver(monthly, fee, later, row("1", "unknown"))  # works all out from the rows
    assert charges_of(*columns) == expected
    clock.forward(hours=1)
    move(world.doras_cloud, world.south)
    expected[world.ninas_subaccount, "Usage", "2026-03-02"] = D("0.000000000000001")
    expected[world.south, "Usage", "2026-03-02"] = D("0.000000000000004")
    expected[world.south, "Tax", "2026-03-04"] = expected.pop(
        (world.ninas_subaccount, "Tax", "2026-03-04")
    )
    assert charges_of(*columns) == expected


@ON_SQLITE
def test_a_row_that_is_not_in_force_any_more_is_not_split_by_a_later_link(
    app: Flask, world: World
) -> None:
    fee = row("5", world.doras_cloud, "02T09", "31T09")
    deliver(fee)
    deliver(row("1", world.doras_cloud, "02T09", "31T09"))
    removed = deliver(fee, source="Other")
    remove(removed)
    move(world.doras_cloud, world.ninas_subaccount)
    assert sum(charges_of("account_id").values()) == 1


def test_an_assignment_moves_rows_and_what_reaches_into_the_future(
    app: Flask, world: World, clock: Clock
) -> None:
    deliver(row("3", "project", "02T09", "31T09"), row("4", "other"))
    assert charges_of("account_id") == {}
    assign("project", world.doras_cloud)
    assert charges_of("account_id") == {(world.direct,): D(3)}
    assign("project", world.ninas_cloud)
    assert charges_of("account_id") == {(world.ninas_subaccount,): D(3)}
    assert entries(world.direct) == [("assignment", D(-3), D(0)), ("assignment", D(3), D(0))]
    clock.forward(days=14)
    move(world.doras_cloud, world.south)  # has no rows now
    move(world.ninas_cloud, world.south)
    moved = charges_of("account_id")
    assert sum(moved.values()) == 3
    assert {account_id for (account_id,) in moved} == {world.ninas_subaccount, world.south}


def test_an_assignment_that_is_taken_back_charges_nobody(
    app: Flask, world: World, clock: Clock
) -> None:
    old = row("9", "project", "01T10")
    deliver(row("3", "project", "02T09", "31T09"), old)
    assign("project", world.doras_cloud)
    db.write(lambda: usage.unassign(key("project"), by=COMMAND))
    deliver(row("2", "project", "02T09", "31T09"), source="Other")
    staged = stage(row("5", "project", "02T09", "31T09"), old)  # waits while it is taken back
    run_usage()
    publish(staged)
    other, unassigned = db.read(lambda: usage.unassigned_for(COMMAND))
    assert (other.sum, unassigned.sum) == ((1, D(2)), (2, D(14)))
    assert db.read(lambda: usage.before_for(COMMAND)) == []
    assert charges_of("account_id") == {}
    assert entries(world.direct) == [("assignment", D(-3), D(0)), ("assignment", D(3), D(0))]
    move(world.doras_cloud, world.south)  # has no rows now
    assert charges_of("account_id") == {}
    with pytest.raises(Refused, match="usage-not-assigned"):
        db.write(lambda: usage.unassign(key("project"), by=COMMAND))
    assign("project", world.ninas_cloud)
    assert charges_of("account_id") == {(world.ninas_subaccount,): D(5)}  # 9 is before its link


def test_what_came_before_a_link_or_an_assignment_was_prepared_is_prepared_again(
    app: Flask, world: World
) -> None:
    staged = stage(row("1", world.doras_cloud, "02T11"), row("2", "project", "02T11"))
    assign("project", world.ninas_cloud)
    move(world.doras_cloud, world.ninas_subaccount)

    def unit() -> None:
        usage.publish(db.session.get_one(Delivery, staged), by=COMMAND)

    with pytest.raises(usage.Outdated):
        db.write(unit)
    publish(staged)
    assert charges_of("account_id") == {(world.ninas_subaccount,): D(3)}


@ON_SQLITE
def test_what_became_in_force_since_the_preparation_is_taken_back_too(
    app: Flask, world: World
) -> None:
    staged = stage(row("1", world.doras_cloud))
    deliver(row("2", world.doras_cloud), mode=Mode.APPEND)
    publish(staged)
    assert charges_of("cloud_id") == {(world.doras_cloud,): D(1)}


@ON_SQLITE
def test_rows_before_the_portal_are_charged_to_nobody(app: Flask, world: World) -> None:
    deliver(row("1", world.doras_cloud, "01T10"), row("2", world.doras_cloud, "01T10", "02T23"))
    assert charges_of("usage_on") == {("2026-03-01",): D(2)}
    assert borne(world.direct) == {("01", "waived"): D(2)}  # the lot began on the 2nd


def test_usage_of_a_cloud_from_a_paid_account_is_owed_in_trial_too(
    app: Flask, world: World, clock: Clock
) -> None:
    deliver(row("4000", world.doras_cloud))
    move(world.ninas_cloud, world.direct)
    clock.forward(days=1)
    deliver(row("5", world.ninas_cloud, "03T11"), mode=Mode.APPEND)
    assert borne(world.direct) == {("02", "lot"): D(4000), ("03", "personal"): D(5)}
    assert balance(world.direct) == -5


def test_a_further_lot_pays_for_what_its_days_have_cost_already(app: Flask, world: World) -> None:
    switch_to_paid(world.direct)
    usage_rows = [
        row("4000", world.doras_cloud),
        *(row("3", world.doras_cloud, f"0{day}T10") for day in (3, 4, 5)),
    ]
    deliver(*usage_rows)
    assert balance(world.direct) == -9
    give_lot(world.direct, "4", 4, 5)
    assert balance(world.direct) == -5
    give_lot(world.direct, "1", 5, 5)
    assert borne(world.direct) == {
        ("02", "lot"): D(4000),
        ("03", "personal"): D(3),
        ("04", "lot"): D(3),
        ("05", "lot"): D(2),
        ("05", "personal"): D(1),
    }


@ON_SQLITE
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_order_of_appended_files_does_not_matter(
    app: Flask, world: World, order: tuple[int, ...]
) -> None:
    """Deciding once, on arrival, ends otherwise: −1 before +1, two lots with other first days."""
    switch_to_paid(world.direct)
    give_lot(world.direct, "2", 3, 5)
    files = [
        [row("-1", world.doras_cloud), row("4000.5", world.doras_cloud, "05T10")],
        [row("1", world.doras_cloud), row("3", world.doras_cloud, "03T10")],
        [row("0.0000005", world.doras_cloud, "04T10"), row("0.5", world.doras_cloud, "03T11")],
    ]
    for number in order:
        deliver(*files[number], mode=Mode.APPEND)
    assert borne(world.direct) == {
        ("03", "lot"): D("3.5"),
        ("04", "lot"): D("0.000001"),
        ("05", "lot"): D("3998.499999"),
        ("05", "personal"): D("2.000001"),
    }
