"""What is agreed of a cloud happens at a connection whose kind asks a cloud."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import event, select

from portal import db, worker
from portal.domain import circuit_breakers, clouds, customers, invitations, jobs, workflows
from portal.domain.accounts import BillingAccount
from portal.domain.audit import AuditLine
from portal.domain.clouds import Cloud, ProgressState
from portal.domain.customers import Customer
from portal.domain.jobs import Job, Kind, OrderKind, State
from portal.providers.contract import Done, Later, NeedsPerson, Never, Running
from tests.support.clouds import create_cloud, move_cloud, own_account_id, switch_to_paid
from tests.support.pretended_cloud import (
    PretendedCloud,
    cloud_now,
    progress,
    run_orders,
    use_pretended,
)
from tests.support.relay import clear_mails
from tests.support.world import CARL, DORA, NINA, OLGA, Clock, World, actor, draft

Verb = Callable[..., None]
LOST = Later("the answer was lost")


@pytest.fixture
def kind() -> str:
    """What differs between the databases is tested with the domain."""
    return "sqlite"


@pytest.fixture
def cloud(app: Flask, monkeypatch: pytest.MonkeyPatch) -> PretendedCloud:
    clear_mails()
    return use_pretended(monkeypatch)


def change_customer(verb: Verb, world: World) -> None:
    db.write(lambda: verb(db.session.get_one(Customer, world.ninas_customer), by=actor(OLGA)))


def rename(cloud_id: str, name: str, by: str = DORA) -> None:
    db.write(lambda: clouds.rename(db.session.get_one(Cloud, cloud_id), by=actor(by), name=name))


def orders(*states: State) -> list[str]:
    """The kinds of the orders in these states, the oldest first."""
    query = select(Job.subject_kind).where(Job.kind == Kind.CLOUDS, Job.state.in_(states))
    return db.read(lambda: list(db.session.scalars(query.order_by(Job.id))))


def run_due(clock: Clock) -> None:
    """Move the clock to the next tries of all orders that wait, and run them."""
    query = select(Job.run_at).where(Job.kind == Kind.CLOUDS, Job.state == State.WAITING)
    due = db.read(lambda: list(db.session.scalars(query)))
    clock.now = max([clock.now, *due]) + timedelta(seconds=1)
    run_orders()


def test_a_new_cloud_is_created_there_and_renamed(
    cloud: PretendedCloud, world: World, clock: Clock
) -> None:
    cloud_id = create_cloud(DORA)
    assert progress(cloud_id).state is ProgressState.CREATING
    run_orders()
    stored = cloud_now(cloud_id)
    assert (stored.external_id, stored.carried_out_name) == (f"ext-{cloud_id}", "shop")
    assert stored.carried_out_at is not None
    assert progress(cloud_id).state is ProgressState.READY
    rename(cloud_id, "shop-2")
    assert progress(cloud_id).state is ProgressState.RENAMING
    run_orders()
    assert cloud.clouds[f"ext-{cloud_id}"]["name"] == "shop-2"
    assert progress(cloud_id).state is ProgressState.READY
    lines = db.session.query(AuditLine).filter_by(action="cloud.carry_out", thing=cloud_id)
    assert [line.facts["tasks"] for line in lines.order_by(AuditLine.at)] == [
        ["create"],
        ["rename"],
    ]


def test_a_default_cloud_is_created_there_when_the_customer_confirms(
    cloud: PretendedCloud, world: World
) -> None:
    def add() -> Customer:
        north = db.session.get_one(BillingAccount, world.north)
        return customers.add(north, by=actor(OLGA), draft=draft(DORA))

    customer = db.write(add)
    cloud_id = customer.default_cloud_id
    assert cloud_id is not None
    assert progress(cloud_id).state is ProgressState.UNCONFIRMED
    run_orders()
    assert cloud.calls == []
    db.write(lambda: customers.accept(invitations.open_for(actor(DORA))[0], by=actor(DORA)))
    run_orders()
    assert list(cloud.clouds) == [f"ext-{cloud_id}"]


def test_an_invitation_that_is_declined_creates_nothing(
    cloud: PretendedCloud, world: World
) -> None:
    db.write(lambda: customers.decline(invitations.open_for(actor(CARL))[0], by=actor(CARL)))
    run_orders()
    assert cloud.calls == []


def test_a_cloud_is_suspended_exactly_while_the_account_that_pays_is(
    cloud: PretendedCloud, world: World, clock: Clock
) -> None:
    cloud_id = create_cloud(NINA, payer=world.ninas_subaccount)
    other = create_cloud(DORA, "other")
    run_orders()
    ends_by = clock.now + timedelta(minutes=5)
    cloud.done = Done(ends_by=ends_by, left=("2 servers",))
    change_customer(customers.suspend, world)
    assert progress(cloud_id).state is ProgressState.SUSPENDING
    run_orders()
    assert cloud.clouds[f"ext-{cloud_id}"]["is_suspended"]
    assert not cloud.clouds[f"ext-{other}"]["is_suspended"]
    now = progress(cloud_id)
    assert now.state is ProgressState.SUSPENDED
    assert (now.ends_by, now.left_running) == (ends_by, ("2 servers",))
    change_customer(customers.resume, world)
    assert progress(cloud_id).state is ProgressState.RESUMING
    run_orders()
    assert not cloud.clouds[f"ext-{cloud_id}"]["is_suspended"]
    assert progress(cloud_id).left_running == ()


def test_linking_a_suspended_cloud_away_orders_its_resumption_with_the_link(
    cloud: PretendedCloud, world: World
) -> None:
    cloud_id = create_cloud(NINA, payer=world.ninas_subaccount)
    run_orders()
    change_customer(customers.suspend, world)
    run_orders()
    switch_to_paid(NINA)
    move_cloud(cloud_id, own_account_id(NINA), by=NINA)
    assert orders(State.WAITING) == [OrderKind.RESUME]
    run_orders()
    assert not cloud.clouds[f"ext-{cloud_id}"]["is_suspended"]


def test_what_changes_before_the_order_runs_needs_no_call(
    cloud: PretendedCloud, world: World
) -> None:
    create_cloud(NINA, payer=world.ninas_subaccount)
    run_orders()
    change_customer(customers.suspend, world)
    change_customer(customers.resume, world)
    run_orders()
    assert cloud.calls == ["ensure"]


@pytest.mark.parametrize("first", ["suspend", "change"])
def test_a_lost_answer_is_made_good_even_if_the_opposite_is_agreed_meanwhile(
    cloud: PretendedCloud, world: World, clock: Clock, first: str
) -> None:
    cloud_id = create_cloud(NINA, payer=world.ninas_subaccount)
    run_orders()
    cloud.fail(LOST, is_done=True)
    if first == "suspend":
        change_customer(customers.suspend, world)
        run_orders()
        change_customer(customers.resume, world)
    else:
        for name in ("shop-2", "shop"):
            rename(cloud_id, name, by=NINA)
            run_orders()
    run_due(clock)
    assert cloud.clouds[f"ext-{cloud_id}"] == {
        "name": "shop",
        "is_suspended": False,
        "is_closed": False,
    }
    assert progress(cloud_id).state is ProgressState.READY


def test_a_worker_that_wakes_up_after_its_lease_and_asks_for_what_is_over_is_corrected(
    cloud: PretendedCloud, world: World, clock: Clock
) -> None:
    cloud_id = create_cloud(NINA, payer=world.ninas_subaccount)
    run_orders()

    def resume() -> None:
        clock.forward(seconds=jobs.LEASE.total_seconds() + 1)
        change_customer(customers.resume, world)
        run_orders()

    cloud.meanwhile = [resume]
    change_customer(customers.suspend, world)
    run_orders()
    run_due(clock)
    assert cloud.calls == ["ensure", "suspend", "resume", "resume"]
    assert not cloud.clouds[f"ext-{cloud_id}"]["is_suspended"]
    assert progress(cloud_id).state is ProgressState.READY


def test_a_cloud_that_is_renamed_while_its_creation_is_unsure_gets_its_name(
    cloud: PretendedCloud, world: World, clock: Clock
) -> None:
    cloud_id = create_cloud(DORA)
    cloud.fail(LOST, is_done=True)
    run_orders()
    rename(cloud_id, "shop-2")
    run_due(clock)
    assert cloud.clouds == {
        f"ext-{cloud_id}": {"name": "shop-2", "is_suspended": False, "is_closed": False}
    }
    assert progress(cloud_id).state is ProgressState.READY


def test_what_is_suspended_while_it_is_created_is_suspended_then(
    cloud: PretendedCloud, world: World, clock: Clock
) -> None:
    cloud_id = create_cloud(NINA, payer=world.ninas_subaccount)
    cloud.fail(Running("op", timedelta(seconds=3)), is_done=True)
    run_orders()
    change_customer(customers.suspend, world)
    cloud.operations["op"] = Done(f"ext-{cloud_id}")
    run_due(clock)
    assert cloud.clouds[f"ext-{cloud_id}"]["is_suspended"]


def test_an_operation_is_asked_about_until_it_ends(
    cloud: PretendedCloud, world: World, clock: Clock
) -> None:
    cloud_id = create_cloud(DORA)
    cloud.fail(Running("op", timedelta(seconds=3)))
    cloud.operations["op"] = Running("op", timedelta(seconds=3))
    run_orders()
    run_due(clock)
    assert progress(cloud_id).state is ProgressState.CREATING
    cloud.operations["op"] = Done("ext-1")
    run_due(clock)
    assert cloud.calls == ["ensure", "operation op", "operation op"]
    assert cloud_now(cloud_id).external_id == "ext-1"


def test_an_operation_that_is_refused_is_begun_again_by_hand(
    cloud: PretendedCloud, world: World, clock: Clock
) -> None:
    cloud_id = create_cloud(DORA)
    cloud.fail(Running("op", timedelta(seconds=3)))
    cloud.operations["op"] = Never("no room")
    run_orders()
    run_due(clock)
    assert orders(State.FAILED) == [OrderKind.ENSURE]
    run_again()
    run_orders()
    assert cloud.calls == ["ensure", "operation op", "ensure"]
    assert progress(cloud_id).state is ProgressState.READY


def run_again() -> None:
    """An operator runs the order again that ended."""

    def unit() -> None:
        ended = Job.state.in_((State.FAILED, State.PARKED))
        job = db.session.scalars(select(Job).where(Job.kind == Kind.CLOUDS, ended)).one()
        jobs.requeue(job)

    db.write(unit)


@pytest.mark.parametrize(
    ("error", "state", "fault"),
    [
        (NeedsPerson("name-clash", name="shop"), State.PARKED, ("name-clash", {"name": "shop"})),
        (Never("no room left"), State.FAILED, ("no room left", {})),
    ],
)
def test_an_order_that_needs_a_person_says_so_on_the_cloud_until_it_is_done(
    cloud: PretendedCloud,
    world: World,
    error: Exception,
    state: State,
    fault: tuple[str, dict[str, str]],
) -> None:
    cloud_id = create_cloud(DORA)
    cloud.fail(error)
    run_orders()
    now = progress(cloud_id)
    assert now.state is ProgressState.FAILED
    assert (now.fault, now.fault_facts) == fault
    assert orders(state) == [OrderKind.ENSURE]
    assert db.session.query(AuditLine).filter_by(action="cloud.carry_out_fault").count() == 1
    run_again()
    run_orders()
    assert progress(cloud_id).state is ProgressState.READY
    assert cloud_now(cloud_id).fault is None


def test_a_suspension_that_is_refused_is_shown_and_tried_again(
    cloud: PretendedCloud, world: World, clock: Clock
) -> None:
    cloud_id = create_cloud(NINA, payer=world.ninas_subaccount)
    run_orders()
    cloud.fail(Never("not now"), Never("not now"))
    change_customer(customers.suspend, world)
    run_orders()
    run_due(clock)
    assert progress(cloud_id).state is ProgressState.FAILED
    assert db.session.query(AuditLine).filter_by(action="cloud.carry_out_fault").count() == 1
    run_due(clock)
    assert progress(cloud_id).state is ProgressState.SUSPENDED


@pytest.mark.parametrize("external_id", ["", "ext-1"])
def test_a_new_cloud_without_an_id_of_its_own_needs_a_person(
    cloud: PretendedCloud, world: World, clock: Clock, external_id: str
) -> None:
    for operation in ("first", "second"):
        create_cloud(DORA, operation)
    cloud.fail(*[Running(name, timedelta(seconds=3)) for name in ("first", "second")])
    cloud.operations |= {"first": Done("ext-1"), "second": Done(external_id)}
    run_orders()
    run_due(clock)
    assert orders(State.PARKED) == [OrderKind.ENSURE]


def test_a_connection_that_is_down_for_ten_minutes_delays_its_orders_and_loses_none(
    cloud: PretendedCloud, world: World, clock: Clock
) -> None:
    first = create_cloud(NINA, payer=world.ninas_subaccount)
    run_orders()
    down_at = clock.now
    cloud.fail(*[Later("connection refused")] * 9)
    second = create_cloud(DORA)
    change_customer(customers.suspend, world)
    while clock.now < down_at + timedelta(minutes=10):
        run_orders()
        clock.forward(seconds=20)
    assert len(cloud.calls) < 8, "a connection that is down is asked every five minutes"
    since = progress(first).down_since
    assert since is not None
    assert since - down_at < timedelta(minutes=1)
    assert progress(second).down_since == since
    cloud.failures.clear()
    while orders(State.WAITING):
        run_due(clock)
    assert cloud.clouds[f"ext-{first}"]["is_suspended"]
    assert f"ext-{second}" in cloud.clouds
    assert progress(first).down_since is None
    assert db.read(circuit_breakers.open_breakers) == []


def test_a_suspension_overtakes_the_creations_that_wait(
    cloud: PretendedCloud, world: World
) -> None:
    create_cloud(NINA, payer=world.ninas_subaccount)
    run_orders()
    for number in range(3):
        create_cloud(DORA, f"new-{number}")
    change_customer(customers.suspend, world)
    assert worker.run_next(Kind.CLOUDS)
    assert cloud.calls == ["ensure", "suspend"]


def test_the_progress_of_many_clouds_needs_no_more_statements_than_that_of_one(
    cloud: PretendedCloud, world: World
) -> None:
    ids = [create_cloud(DORA, f"new-{number}") for number in range(5)]
    counts = []
    for some in (ids[:1], ids):
        statements: list[object] = []
        with listening(statements):
            assert len(db.read(lambda some=some: clouds.progress_for(some))) == len(some)  # type: ignore[misc]
        counts.append(len(statements))
    assert counts[0] == counts[1]


@contextmanager
def listening(statements: list[object]) -> Iterator[None]:
    """Collect what is executed inside `with`."""

    def collect(*facts: object) -> None:
        statements.append(facts)

    event.listen(db.extension.engine, "before_cursor_execute", collect)
    yield
    event.remove(db.extension.engine, "before_cursor_execute", collect)


def test_a_resume_that_a_restore_parked_waits_for_an_operator_whatever_a_suspension_finds(
    cloud: PretendedCloud, world: World, clock: Clock
) -> None:
    """Since the backup the customer may have been suspended again."""
    cloud_id = create_cloud(NINA)
    move_cloud(cloud_id, world.ninas_subaccount, by=NINA)
    run_orders()
    cloud.fail(Running("suspension"))
    change_customer(customers.suspend, world)
    worker.run_next(Kind.CLOUDS)
    change_customer(customers.resume, world)

    db.write(workflows.finish_restore, while_restoring=True)
    cloud.operations["suspension"] = Done()
    run_due(clock)
    assert cloud_now(cloud_id).is_suspended_there is True
    assert (orders(State.PARKED), orders(State.WAITING)) == ([OrderKind.RESUME], [])
