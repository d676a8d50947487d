"""What is agreed about a cloud on a manual connection, and what an operator has carried out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal import db
from portal.domain import clouds, customers
from portal.domain.accounts import BillingAccount
from portal.domain.audit import AuditLine
from portal.domain.clouds import Cloud, PendingTasks, Task
from portal.domain.customers import Customer
from portal.domain.errors import Code, Forbidden, Refused
from tests.support.connections import use_manual
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import DORA, NINA, OLGA, World, actor, all_rows, signed_in


@pytest.fixture(autouse=True)
def _manual(app: Flask) -> None:
    clear_mails()
    use_manual()


def create(world: World, name: str = "shop", payer: str = "", by: str = DORA) -> str:
    """The ID of a new cloud."""

    def unit() -> str:
        account = db.session.get_one(BillingAccount, payer or world.direct)
        return clouds.create(account, by=actor(by), name=name).id

    return db.write(unit)


def listed() -> list[PendingTasks]:
    by = appoint_operator()
    return db.read(lambda: clouds.to_carry_out(by))


def tasks(cloud_id: str) -> list[Task]:
    def load() -> list[Task]:
        return clouds.pending_tasks(db.session.get_one(Cloud, cloud_id)).tasks

    found = db.read(load)
    assert found == [task for row in listed() if row.cloud.id == cloud_id for task in row.tasks]
    return found


def record_done(cloud_id: str, external_id: str = "") -> Callable[[], None]:
    """The unit of work in which an operator has done what is to be done now."""
    by = appoint_operator()

    def unit() -> None:
        cloud = db.session.get_one(Cloud, cloud_id)
        mark = clouds.pending_tasks(cloud).mark
        clouds.record_done(cloud, external_id=external_id, mark=mark, by=by)

    return unit


def done(cloud_id: str, external_id: str = "") -> None:
    db.write(record_done(cloud_id, external_id))


def refusal(unit: Callable[[], object]) -> Code:
    """The code with which the unit is refused; it changes nothing."""
    before = all_rows()
    with pytest.raises(Refused) as error:
        db.write(unit)
    assert all_rows() == before
    return error.value.code


def stored(cloud_id: str) -> Cloud:
    return db.read(lambda: db.session.get_one(Cloud, cloud_id))


def test_a_new_cloud_is_created_by_hand_and_gets_the_id_it_has_there(
    app: Flask, world: World
) -> None:
    cloud_id = create(world)
    assert tasks(cloud_id) == [Task.CREATE]
    done(cloud_id, "ext-1")
    assert tasks(cloud_id) == []
    cloud = stored(cloud_id)
    assert (cloud.external_id, cloud.carried_out_name) == ("ext-1", "shop")
    assert cloud.carried_out_at is not None
    line = db.session.query(AuditLine).filter_by(action="cloud.carry_out").one()
    assert (line.thing, line.facts["tasks"]) == (cloud_id, ["create"])


def test_an_id_is_required_and_had_by_one_cloud(app: Flask, world: World) -> None:
    first, second = create(world), create(world, "other")
    done(first, "ext-1")
    assert refusal(record_done(second)) == Code.EXTERNAL_ID_MISSING
    assert refusal(record_done(second, "ext-1")) == Code.EXTERNAL_ID_TAKEN


def test_a_renamed_cloud_is_renamed_by_hand(app: Flask, world: World) -> None:
    cloud_id = create(world)
    done(cloud_id, "ext-1")
    cloud = stored(cloud_id)
    db.write(lambda: clouds.rename(cloud, by=actor(DORA), name="shop-2"))
    assert tasks(cloud_id) == [Task.RENAME]
    assert listed()[0].cloud.agreed_at is not None
    db.write(lambda: clouds.rename(cloud, by=actor(DORA), name="shop"))
    assert tasks(cloud_id) == [], "it has that name there"


def test_a_cloud_is_suspended_and_resumed_with_the_account_that_pays(
    app: Flask, world: World
) -> None:
    cloud_id = create(world, payer=world.ninas_subaccount, by=NINA)
    done(cloud_id, "ext-1")
    customer = db.read(lambda: db.session.get_one(Customer, world.ninas_customer))
    olga = signed_in(OLGA)
    for verb, task in ((customers.suspend, Task.SUSPEND), (customers.resume, Task.RESUME)):
        db.write(lambda verb=verb: verb(customer, by=olga))  # type: ignore[misc]
        assert tasks(cloud_id) == [task]
        assert listed()[0].cloud.agreed_at is not None
        done(cloud_id)
        assert stored(cloud_id).agreed_at is None
        assert tasks(cloud_id) == []
    db.write(lambda: customers.suspend(customer, by=olga))
    db.write(lambda: customers.resume(customer, by=olga))
    assert tasks(cloud_id) == [], "it was never suspended there"


def test_what_changed_after_the_page_was_shown_is_not_recorded_as_done(
    app: Flask, world: World
) -> None:
    cloud_id, by = create(world), appoint_operator()
    cloud, (row,) = stored(cloud_id), listed()
    mark = row.mark
    db.write(lambda: clouds.rename(cloud, by=actor(DORA), name="shop-2"))
    code = refusal(lambda: clouds.record_done(cloud, external_id="ext-1", mark=mark, by=by))
    assert code == Code.RECORD_CHANGED
    assert tasks(cloud_id) == [Task.CREATE]


def test_what_can_not_be_done_stays_listed_behind_the_others_until_it_is_done(
    app: Flask, world: World
) -> None:
    first, second = create(world), create(world, "other")
    by, cloud = appoint_operator(), stored(first)
    mark = listed()[0].mark
    db.write(lambda: clouds.record_fault(cloud, reason="no room left", mark=mark, by=by))
    assert [row.cloud.id for row in listed()] == [second, first]
    assert listed()[1].fault == "no room left"
    cloud = stored(first)
    db.write(lambda: clouds.rename(cloud, by=actor(DORA), name="shop-2"))
    assert listed()[1].fault is None, "it was said of another name"
    done(first, "ext-1")
    assert stored(first).fault is None


def test_only_operators_carry_out_and_see_the_list(app: Flask, world: World) -> None:
    cloud_id, nina = create(world), actor(NINA)
    cloud = stored(cloud_id)
    assert db.read(lambda: clouds.to_carry_out(nina)) == []
    assert db.read(lambda: clouds.entry_for(nina, cloud_id)) is None
    olga = signed_in(OLGA)
    for verb in (
        lambda: clouds.record_done(cloud, external_id="x", mark="", by=olga),
        lambda: clouds.record_fault(cloud, reason="x", mark="", by=olga),
    ):
        with pytest.raises(Forbidden):
            db.write(verb)


def test_clouds_of_the_built_in_connection_are_never_listed(app: Flask, world: World) -> None:
    customer = db.read(lambda: db.session.get_one(Customer, world.ninas_customer))
    db.write(lambda: customers.suspend(customer, by=actor(OLGA)))
    assert listed() == []
