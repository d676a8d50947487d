"""A default cloud at a real connection ends with its partnership once the connection says that it
is empty."""

from __future__ import annotations

import pytest
from flask import Flask

from portal import db
from portal.domain import connections, customers
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer
from portal.domain.errors import Refused
from portal.providers.contract import NeedsPerson
from tests.support.pretended_cloud import PretendedCloud, cloud_now, run_orders, use_pretended
from tests.support.relay import clear_mails
from tests.support.world import OLGA, Clock, World, signed_in


@pytest.fixture
def there(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> PretendedCloud:
    """Nina's default cloud is carried out there."""
    clear_mails()
    pretended = use_pretended(monkeypatch)

    connection_id = db.read(connections.default).id

    def unit() -> None:
        cloud = db.lock(Cloud, world.ninas_cloud)
        cloud.connection_id, cloud.external_id = connection_id, "ext-1"
        cloud.carried_out_name = cloud.name

    db.write(unit)
    pretended.add("ext-1", our_id=world.ninas_cloud)
    return pretended


def end(world: World) -> str:
    """End Nina's partnership; the code of the refusal, or nothing."""
    by = signed_in(OLGA)
    customer = db.read(lambda: db.session.get_one(Customer, world.ninas_customer))
    try:
        db.write(lambda: customers.end_partnership(customer, by=by))
    except Refused as refused:
        return refused.code
    return ""


def test_it_is_asked_when_somebody_ends_the_partnership_and_then_ends_with_it(
    there: PretendedCloud, world: World
) -> None:
    there.is_empty_there = True
    assert (end(world), there.calls) == ("cloud-asked", [])
    run_orders()
    assert there.calls == ["empty"]
    assert end(world) == ""
    run_orders()
    assert cloud_now(world.ninas_cloud).closed_at is not None
    assert there.clouds["ext-1"]["is_closed"]


@pytest.mark.parametrize("answer", [False, None])
def test_what_is_not_empty_or_not_known_is_in_use(
    there: PretendedCloud, world: World, clock: Clock, answer: bool | None
) -> None:
    there.is_empty_there = answer
    end(world)
    run_orders()
    assert end(world) == "clouds-linked"
    clock.forward(minutes=11)
    assert end(world) == "cloud-asked"


def test_an_answer_that_is_old_or_does_not_come_counts_for_nothing(
    there: PretendedCloud, world: World, clock: Clock
) -> None:
    there.is_empty_there = True
    end(world)
    run_orders()
    clock.forward(minutes=11)
    there.fail(NeedsPerson("credentials-unreadable"))
    assert end(world) == "cloud-asked"
    run_orders()
    assert end(world) == "clouds-linked"
