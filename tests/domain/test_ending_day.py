"""The day of notice: where each cloud moves, who pays from then on, and what the customer keeps."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from portal import db, worker
from portal.domain import (
    access,
    accounts,
    audit,
    clouds,
    customers,
    doctor,
    notifications,
    workflows,
)
from portal.domain.access import AccountRole, CloudAccess
from portal.domain.accounts import BillingAccount, Mode
from portal.domain.accounts import Status as AccountStatus
from portal.domain.actors import COMMAND, WORKER
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer, Status
from portal.domain.jobs import Kind
from portal.domain.workflows.end_partnership_on_its_day import BATCH
from portal.wording import notifications as wording
from tests.support.clouds import (
    accept_carls_invitation,
    assign_account_role,
    assign_cloud_role,
    create_cloud,
    insert_clouds,
    move_cloud,
    own_account_id,
    payer_ids,
    run_customer_verb,
)
from tests.support.ending import EARLIEST, come_to, end_due, give_notice
from tests.support.jobs import job_of
from tests.support.world import (
    CARL,
    DORA,
    EDDIE,
    NINA,
    OLGA,
    SAM,
    Clock,
    World,
    actor,
    all_rows,
    user,
)

ON_ONE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


@pytest.fixture
def shop(app: Flask, world: World, clock: Clock) -> str:
    """The ID of a cloud in Nina's subaccount that North created: both own it."""
    return create_cloud(OLGA, payer=world.ninas_subaccount)


def end_on_the_day(world: World, clock: Clock) -> None:
    give_notice(world)
    come_to(clock, EARLIEST)
    end_due()


def status(world: World) -> Status:
    return db.read(lambda: db.session.get_one(Customer, world.ninas_customer).status)


def account(account_id: str) -> BillingAccount:
    return db.read(lambda: db.session.get_one(BillingAccount, account_id))


def closed_at(cloud_id: str) -> object:
    return db.read(lambda: db.session.get_one(Cloud, cloud_id).closed_at)


def close_own_account(email: str) -> None:
    def unit() -> None:
        db.lock(BillingAccount, own_account_id(email)).closed_at = db.now()

    db.write(unit)


def add_colleague(world: World, email: str, role: AccountRole = AccountRole.ADMIN) -> None:
    """Nina gives the person a role on the subaccount."""

    def unit() -> None:
        subaccount = db.lock(BillingAccount, world.ninas_subaccount)
        access.grant(role, to=user(email), account=subaccount, by=actor(NINA))

    db.write(unit)


def disown(email: str, cloud_id: str) -> None:
    """End the person's role on the cloud, whoever else owns it."""
    query = select(CloudAccess).filter_by(cloud_id=cloud_id, user_id=user(email).id)
    db.write(lambda: db.session.scalars(query).one().revoke())


# When


@ON_ONE
def test_it_ends_at_midnight_of_the_billing_time_zone(
    world: World, clock: Clock, shop: str
) -> None:
    give_notice(world)
    come_to(clock, EARLIEST, minutes=3)
    end_due()
    assert (status(world), payer_ids(shop)[0]) == (Status.ACTIVE, world.ninas_subaccount)
    assert job_of("upkeep:end-partnerships").run_at == clock.now.replace(
        day=1, month=4, hour=0, minute=0, second=0, microsecond=0
    )
    come_to(clock, EARLIEST)
    while worker.run_next(Kind.UPKEEP):
        pass
    assert status(world) is Status.INACTIVE


@ON_ONE
def test_a_late_worker_dates_nothing_back(world: World, clock: Clock, shop: str) -> None:
    give_notice(world)
    come_to(clock, EARLIEST + timedelta(days=3))
    began = clock.now
    end_due()
    payers = db.read(lambda: clouds.payers_of(db.session.get_one(Cloud, shop), actor=COMMAND))
    assert payers[0].since_at > began
    assert account(world.ninas_subaccount).closed_at > began


@ON_ONE
def test_a_notice_that_was_withdrawn_ends_nothing(world: World, clock: Clock, shop: str) -> None:
    before = all_rows()
    come_to(clock, EARLIEST)
    end = workflows.end_partnership_on_its_day
    assert not db.write(lambda: end(world.ninas_customer, by=WORKER))
    assert all_rows() == before


# Where


def test_a_cloud_moves_to_the_oldest_direct_account_of_who_confirmed(
    world: World, clock: Clock, shop: str
) -> None:
    own = own_account_id(NINA)
    newer = db.write(lambda: accounts.open_paid(user(NINA), by=COMMAND).id)
    end_on_the_day(world, clock)
    assert payer_ids(shop) == [own, world.ninas_subaccount]
    assert account(own).mode is Mode.TRIAL, "paid-to-trial does not hold for this move"
    assert newer not in payer_ids(shop)
    assert status(world) is Status.INACTIVE
    assert account(world.ninas_subaccount).status is AccountStatus.CLOSED


@ON_ONE
def test_a_closed_account_takes_nothing(world: World, clock: Clock, shop: str) -> None:
    newer = db.write(lambda: accounts.open_paid(user(NINA), by=COMMAND).id)
    close_own_account(NINA)
    end_on_the_day(world, clock)
    assert payer_ids(shop)[0] == newer


def test_else_it_moves_to_another_administrator_from_the_customers_side(
    world: World, clock: Clock, shop: str
) -> None:
    close_own_account(NINA)
    add_colleague(world, DORA, AccountRole.EDITOR)
    add_colleague(world, CARL)
    assign_account_role(SAM, AccountRole.ADMIN, world.ninas_subaccount)  # by an operator
    clock.forward(hours=1)
    end_on_the_day(world, clock)
    assert payer_ids(shop)[0] == own_account_id(CARL)


def test_where_there_is_none_an_account_is_opened_for_who_confirmed(
    world: World, clock: Clock, shop: str
) -> None:
    close_own_account(NINA)
    second = create_cloud(OLGA, "second", payer=world.ninas_subaccount)
    end_on_the_day(world, clock)
    opened = account(payer_ids(shop)[0] or "")
    assert payer_ids(second)[0] == opened.id
    assert (opened.kind, opened.mode, opened.name) == ("direct", "paid", "Nina Customer")
    assert db.read(lambda: db.session.get_one(BillingAccount, opened.id).grant) is None
    roles = db.read(lambda: access.roles_on_account(actor(NINA), opened))
    assert roles == {AccountRole.OWNER}


@ON_ONE
def test_a_disabled_person_gets_no_cloud(world: World, clock: Clock, shop: str) -> None:
    add_colleague(world, CARL)
    assign_cloud_role(DORA, world.ninas_cloud)
    db.write(lambda: workflows.disable_user(user(NINA), heir=user(DORA), by=COMMAND))
    clock.forward(hours=1)
    end_on_the_day(world, clock)
    assert payer_ids(shop)[0] == own_account_id(CARL)


def test_a_cloud_that_none_of_the_customers_people_owns_moves_to_the_partners_account(
    world: World, clock: Clock, shop: str
) -> None:
    kept = create_cloud(OLGA, "kept", payer=world.ninas_subaccount)
    assign_cloud_role(DORA, shop)  # no colleague of Nina's
    disown(NINA, shop)
    end_on_the_day(world, clock)
    assert payer_ids(shop) == [world.north, world.ninas_subaccount]
    assert payer_ids(kept)[0] == own_account_id(NINA)
    assert [result for result in doctor.run() if result.total] == []


def test_a_cloud_that_a_colleague_alone_owns_moves_with_the_others(
    world: World, clock: Clock, shop: str
) -> None:
    add_colleague(world, DORA, AccountRole.VIEWER)
    assign_cloud_role(DORA, shop)
    disown(NINA, shop)
    end_on_the_day(world, clock)
    assert payer_ids(shop)[0] == own_account_id(NINA)


def test_an_unused_default_cloud_is_closed_and_a_used_one_moves(
    world: World, clock: Clock, shop: str
) -> None:
    end_on_the_day(world, clock)
    assert closed_at(world.ninas_cloud)
    assert payer_ids(world.ninas_cloud) == [world.ninas_subaccount]


def test_a_used_default_cloud_moves(app: Flask, world: World, clock: Clock) -> None:
    def unit() -> None:
        clouds.create_folder(db.lock(Cloud, world.ninas_cloud), by=actor(NINA), name="mine")

    db.write(unit)
    end_on_the_day(world, clock)
    assert closed_at(world.ninas_cloud) is None
    assert payer_ids(world.ninas_cloud)[0] == own_account_id(NINA)


@ON_ONE
def test_a_cloud_linked_away_before_stays_where_it_is(
    world: World, clock: Clock, shop: str
) -> None:
    give_notice(world)
    own = db.write(lambda: accounts.open_paid(user(NINA), by=COMMAND).id)
    move_cloud(shop, own, by=NINA)
    come_to(clock, EARLIEST)
    end_due()
    assert payer_ids(shop) == [own, world.ninas_subaccount]


@ON_ONE
def test_the_clouds_of_a_suspended_customer_are_to_be_resumed(
    world: World, clock: Clock, shop: str
) -> None:
    run_customer_verb(customers.suspend, world.ninas_customer)
    end_on_the_day(world, clock)
    payer = db.read(lambda: clouds.payer_of(db.session.get_one(Cloud, shop)))
    assert (payer.id, payer.suspended_at) == (own_account_id(NINA), None)
    assert status(world) is Status.INACTIVE


# How


@ON_ONE
def test_many_clouds_move_in_batches_and_a_killed_worker_goes_on(
    app: Flask, world: World, clock: Clock
) -> None:
    insert_clouds(NINA, world.ninas_subaccount, BATCH + 1)
    give_notice(world)
    come_to(clock, EARLIEST)
    end, own = workflows.end_partnership_on_its_day, own_account_id(NINA)

    def count_moved() -> int:
        return len(db.read(lambda: clouds.clouds_linked_to([own])[own]))

    assert db.write(lambda: end(world.ninas_customer, by=WORKER)), "the worker dies after this"
    assert (count_moved(), status(world)) == (BATCH, Status.ACTIVE)
    end_due()
    assert (count_moved(), status(world)) == (BATCH + 1, Status.INACTIVE)
    before = all_rows()
    assert not db.write(lambda: end(world.ninas_customer, by=WORKER)), "once more changes nothing"
    assert all_rows() == before


@ON_ONE
def test_the_history_and_both_sides_know_the_end(world: World, clock: Clock, shop: str) -> None:
    end_on_the_day(world, clock)
    lines = db.read(
        lambda: customers.history_of(db.session.get_one(Customer, world.ninas_customer))
    )
    assert [(line.action, line.actor) for line in lines[:3]] == [
        ("partnership.end", "worker"),
        ("cloud.leave", "worker"),
        ("partnership.give_notice", user(OLGA).id),
    ]
    assert titles(NINA) >= {
        "The partnership with North is over",
        "The account Nina Customer pays for the cloud shop",
        "Your cloud shop was linked to another account",
    }
    assert "The partnership with Nina GmbH is over" in titles(EDDIE)
    assert audit.find_broken_links() == []


def titles(email: str) -> set[str]:
    rows = db.read(lambda: notifications.notifications_for(actor(email)))
    return {wording.title(row.kind, row.facts) for row in rows}


@ON_ONE
def test_the_former_people_keep_reading_the_closed_subaccount(
    world: World, clock: Clock, shop: str
) -> None:
    add_colleague(world, CARL, AccountRole.VIEWER)
    clock.forward(hours=1)
    end_on_the_day(world, clock)
    for reader in map(actor, (NINA, CARL, OLGA)):
        assert db.find(BillingAccount, world.ninas_subaccount, reader)
        assert world.ninas_subaccount in [row.id for row in accounts.accounts_for(reader)]


@ON_ONE
def test_what_fails_for_one_customer_does_not_stop_the_others(
    world: World, clock: Clock, shop: str, caplog: pytest.LogCaptureFixture
) -> None:
    accept_carls_invitation()
    give_notice(world)
    give_notice(replace(world, ninas_customer=world.carls_customer))
    broken = update(Customer).where(Customer.id == world.carls_customer)
    db.write(lambda: db.session.execute(broken.values(status=Status.INACTIVE)))
    come_to(clock, EARLIEST)
    end_due()
    assert status(world) is Status.INACTIVE
    assert caplog.text.count("partnership.ending_failed") == 1
