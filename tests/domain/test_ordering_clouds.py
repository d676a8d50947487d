"""Which orders a change of a cloud queues, and which it leaves as they are."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from portal import db
from portal.domain import clouds, customers, jobs
from portal.domain.clouds import Cloud, Task
from portal.domain.customers import Customer
from portal.domain.jobs import Job, Kind, OrderKind, State
from tests.support.clouds import create_cloud
from tests.support.pretended_cloud import PretendedCloud, run_orders, use_pretended
from tests.support.relay import clear_mails
from tests.support.world import NINA, OLGA, World, actor


@pytest.fixture
def there(app: Flask, monkeypatch: pytest.MonkeyPatch) -> PretendedCloud:
    clear_mails()
    return use_pretended(monkeypatch)


def rename(cloud_id: str, name: str) -> None:
    nina = actor(NINA)
    db.write(lambda: clouds.rename(db.session.get_one(Cloud, cloud_id), by=nina, name=name))


def suspend(world: World) -> None:
    customer, olga = world.ninas_customer, actor(OLGA)
    db.write(lambda: customers.suspend(db.session.get_one(Customer, customer), by=olga))


def orders(state: State) -> list[str]:
    query = select(Job.subject_kind).where(Job.kind == Kind.CLOUDS, Job.state == state)
    return sorted(db.read(lambda: list(db.session.scalars(query))))


def test_a_change_wakes_no_order_for_another_task_that_waits_for_a_person(
    there: PretendedCloud, world: World
) -> None:
    cloud_id = create_cloud(NINA, payer=world.ninas_subaccount)
    run_orders()
    rename(cloud_id, "shop-2")
    db.write(jobs.park_restored)
    suspend(world)
    run_orders()
    assert there.calls == ["ensure", "suspend"]
    assert orders(State.PARKED) == [OrderKind.CHANGE]
    rename(cloud_id, "shop-3")
    run_orders()
    assert there.calls == ["ensure", "suspend", "change"]
    assert orders(State.PARKED) == []


def test_a_change_before_the_cloud_exists_orders_nothing_but_its_creation(
    there: PretendedCloud, world: World
) -> None:
    cloud_id = create_cloud(NINA, payer=world.ninas_subaccount)
    suspend(world)
    assert orders(State.WAITING) == [OrderKind.ENSURE]
    run_orders()
    assert there.calls == ["ensure", "suspend"]
    assert there.clouds[f"ext-{cloud_id}"]["is_suspended"]


def test_a_failed_creation_is_ordered_again_with_another_name(
    there: PretendedCloud, world: World
) -> None:
    cloud_id = create_cloud(NINA, payer=world.ninas_subaccount)
    db.write(jobs.park_restored)
    suspend(world)
    assert orders(State.WAITING) == []
    rename(cloud_id, "shop-2")
    assert orders(State.WAITING) == [OrderKind.ENSURE]


def test_a_cloud_that_is_created_twice_keeps_its_first_id(
    there: PretendedCloud, world: World
) -> None:
    """A worker was late, and the cloud made a second one for it."""
    cloud_id = create_cloud(NINA, payer=world.ninas_subaccount)
    run_orders()
    db.write(lambda: clouds.record_order(cloud_id, Task.CREATE, external_id="another"))
    assert db.read(lambda: db.session.get_one(Cloud, cloud_id)).external_id == f"ext-{cloud_id}"
