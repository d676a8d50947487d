"""Closing a cloud: by its owner, with seven days to restore it; then nothing of it changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal import db
from portal.domain import access, clouds, customers
from portal.domain.access import CloudRole
from portal.domain.actors import COMMAND
from portal.domain.audit import AuditLine
from portal.domain.clouds import Cloud, ProgressState, Task
from portal.domain.customers import Customer
from portal.domain.errors import Code, Refused
from portal.providers.contract import Later
from tests.support.clouds import assign_cloud_role, create_cloud, refusal_code, switch_to_paid
from tests.support.connections import use_manual
from tests.support.jobs import run_upkeep
from tests.support.pretended_cloud import (
    cloud_now,
    progress,
    run_orders,
    use_pretended,
)
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import (
    DORA,
    EDDIE,
    NINA,
    OLGA,
    SAM,
    Clock,
    World,
    actor,
    all_rows,
    signed_in,
)


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> None:
    clear_mails()


def close(cloud_id: str, by: str, name: str = "shop") -> None:
    who = signed_in(by)
    db.write(lambda: clouds.close(db.session.get_one(Cloud, cloud_id), name=name, by=who))


def restore(cloud_id: str, by: str) -> None:
    db.write(lambda: clouds.restore(db.session.get_one(Cloud, cloud_id), by=actor(by)))


def refusal(call: Callable[[], object]) -> Code:
    """The code with which it is refused."""
    with pytest.raises(Refused) as error:
        call()
    return error.value.code


def pass_grace(clock: Clock) -> None:
    clock.forward(days=7)
    run_upkeep("close-clouds")


def carry_out(cloud_id: str) -> list[Task]:
    """An operator has done what is to be done; what that was."""
    by = appoint_operator()

    def unit() -> list[Task]:
        row = clouds.entry_for(by, cloud_id)
        assert row is not None
        external_id = "ext-1" if Task.CREATE in row.tasks else ""
        tasks = row.tasks
        clouds.record_done(row.cloud, external_id=external_id, mark=row.mark, by=by)
        return tasks

    return db.write(unit)


def actions(cloud_id: str) -> list[str]:
    lines = db.session.query(AuditLine).filter_by(thing=cloud_id).order_by(AuditLine.at)
    return [line.action for line in lines]


def test_a_cloud_is_closed_seven_days_after_its_owner_typed_its_name(
    app: Flask, world: World, clock: Clock
) -> None:
    cloud_id = create_cloud(DORA)
    before = all_rows()["clouds"]
    assert refusal(lambda: close(cloud_id, DORA, "Shop")) == Code.NAME_DIFFERS
    assert all_rows()["clouds"] == before
    close(cloud_id, DORA)
    assert refusal(lambda: close(cloud_id, DORA)) == Code.CLOUD_CLOSING
    clock.forward(days=6, hours=23)
    run_upkeep("close-clouds")
    assert cloud_now(cloud_id).closed_at is None
    clock.forward(hours=1)
    run_upkeep("close-clouds")
    assert cloud_now(cloud_id).closed_at is not None
    assert progress(cloud_id).state is ProgressState.CLOSED
    assert actions(cloud_id) == ["cloud.create", "cloud.close", "cloud.closed"]


def test_a_cloud_is_restored_until_it_is_closed(app: Flask, world: World, clock: Clock) -> None:
    cloud_id = create_cloud(DORA)
    close(cloud_id, DORA)
    restore(cloud_id, DORA)
    pass_grace(clock)
    assert cloud_now(cloud_id).closed_at is None
    close(cloud_id, DORA)
    pass_grace(clock)
    assert refusal(lambda: restore(cloud_id, DORA)) == Code.CLOUD_CLOSED


def test_a_closed_cloud_refuses_links_names_and_access(
    app: Flask, world: World, clock: Clock
) -> None:
    switch_to_paid(NINA)
    cloud_id = create_cloud(NINA)
    close(cloud_id, NINA)
    nina = actor(NINA)

    def rename(name: str) -> None:
        db.write(lambda: clouds.rename(db.session.get_one(Cloud, cloud_id), by=nina, name=name))

    rename("shop")
    assert refusal_code(cloud_id, world.ninas_subaccount, by=NINA) == Code.CLOUD_CLOSING
    pass_grace(clock)
    assert refusal(lambda: rename("shop-2")) == Code.CLOUD_CLOSED
    assert refusal_code(cloud_id, world.ninas_subaccount, by=NINA) == Code.CLOUD_CLOSED


@pytest.mark.parametrize("own_role", [False, True], ids=["partner's role", "role of its own"])
def test_a_partners_staff_close_no_cloud_that_the_customers_people_own(
    app: Flask, world: World, own_role: bool
) -> None:
    if own_role:
        assign_cloud_role(EDDIE, world.ninas_cloud)
    code = refusal(lambda: close(world.ninas_cloud, EDDIE, "default"))
    assert code == Code.CUSTOMERS_OWN_CLOUD
    close(world.ninas_cloud, NINA, "default")


def test_a_partners_staff_close_what_they_alone_own(app: Flask, world: World) -> None:
    close(world.carls_cloud, EDDIE, "default")
    own = create_cloud(OLGA)
    close(own, OLGA)
    assert cloud_now(world.carls_cloud).closes_at is not None
    assert cloud_now(own).closes_at is not None


def test_a_stranger_with_the_owner_role_is_no_partners_staff(app: Flask, world: World) -> None:
    assign_cloud_role(SAM, world.ninas_cloud)
    close(world.ninas_cloud, SAM, "default")
    assert cloud_now(world.ninas_cloud).closes_at is not None


def test_a_partner_with_a_role_on_a_cloud_that_the_customer_pays_does_not_close_it(
    app: Flask, world: World
) -> None:
    cloud_id = create_cloud(NINA)
    db.write(
        lambda: access.assign_cloud_role(
            CloudRole.OWNER, cloud_id=cloud_id, partner_id=world.north, by=COMMAND
        )
    )
    assert refusal(lambda: close(cloud_id, OLGA)) == Code.CUSTOMERS_OWN_CLOUD


def test_a_cloud_by_hand_is_closed_then_emptied_by_an_operator(
    app: Flask, world: World, clock: Clock
) -> None:
    use_manual()
    cloud_id = create_cloud(DORA)
    assert carry_out(cloud_id) == [Task.CREATE]
    close(cloud_id, DORA)
    pass_grace(clock)
    assert progress(cloud_id).state is ProgressState.CLOSING
    assert carry_out(cloud_id) == [Task.CLOSE]
    assert progress(cloud_id).state is ProgressState.CLOSED
    assert carry_out(cloud_id) == [Task.EMPTY]
    by = appoint_operator()
    assert db.read(lambda: clouds.to_carry_out(by)) == []


def test_a_cloud_on_a_connection_is_closed_there_and_emptied_by_hand(
    app: Flask, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = use_pretended(monkeypatch)
    cloud_id = create_cloud(DORA)
    run_orders()
    close(cloud_id, DORA)
    pass_grace(clock)
    assert progress(cloud_id).state is ProgressState.CLOSING
    run_orders()
    assert there.clouds[f"ext-{cloud_id}"]["is_closed"]
    assert progress(cloud_id).state is ProgressState.CLOSED
    assert carry_out(cloud_id) == [Task.EMPTY]


def test_a_cloud_whose_creation_was_lost_is_found_and_closed(
    app: Flask, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = use_pretended(monkeypatch)
    cloud_id = create_cloud(DORA)
    there.fail(Later("the answer was lost"), is_done=True)
    run_orders()
    close(cloud_id, DORA)
    pass_grace(clock)
    run_orders()
    assert there.clouds[f"ext-{cloud_id}"]["is_closed"]


def test_what_was_never_asked_for_is_not_created_to_be_closed(
    app: Flask, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = use_pretended(monkeypatch)
    cloud_id = create_cloud(DORA)
    close(cloud_id, DORA)
    pass_grace(clock)
    run_orders()
    assert there.calls == []
    assert progress(cloud_id).state is ProgressState.CLOSED


def end_partnership(world: World) -> None:
    olga = signed_in(OLGA)
    customer = world.ninas_customer
    db.write(lambda: customers.end_partnership(db.session.get_one(Customer, customer), by=olga))


def on_connection(world: World, connection_id: str, **values: object) -> None:
    """Have Nina's default cloud on that connection."""

    def unit() -> None:
        cloud = db.session.get_one(Cloud, world.ninas_cloud)
        cloud.connection_id = connection_id
        for name, value in {"carried_out_at": None, **values}.items():
            setattr(cloud, name, value)

    db.write(unit)


@pytest.mark.parametrize("place", ["built in", "never asked for"])
def test_an_unused_default_cloud_ends_with_the_partnership(
    app: Flask, world: World, place: str
) -> None:
    if place != "built in":
        on_connection(world, use_manual())
    end_partnership(world)
    assert cloud_now(world.ninas_cloud).closed_at is not None


@pytest.mark.parametrize("moment", ["carried_out_at", "asked_at"])
def test_in_doubt_a_default_cloud_is_in_use_until_it_is_closed(
    app: Flask, world: World, clock: Clock, moment: str
) -> None:
    on_connection(world, use_manual(), **{moment: clock.now})
    assert refusal(lambda: end_partnership(world)) == Code.CLOUDS_LINKED
    close(world.ninas_cloud, NINA, "default")
    assert refusal(lambda: end_partnership(world)) == Code.CLOUDS_LINKED
    pass_grace(clock)
    end_partnership(world)
