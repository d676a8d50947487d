"""A change and the record of an order at once, on PostgreSQL: what is agreed is ordered."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal import db
from portal.domain import clouds, customers
from portal.domain.accounts import BillingAccount
from portal.domain.clouds import Cloud, Link, Task
from portal.domain.customers import Customer
from portal.domain.jobs import Job, Kind, OrderKind, State
from tests.domain.test_races import Run, race, without_locks
from tests.support.clouds import create_cloud
from tests.support.pretended_cloud import use_pretended
from tests.support.world import NINA, OLGA, World, actor

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)

__all__ = ["race"]

GUARDED = pytest.mark.parametrize("is_guarded", [True, pytest.param(False, id="control")])


def waiting() -> set[str]:
    query = select(Job.subject_kind).where(Job.kind == Kind.CLOUDS, Job.state == State.WAITING)
    return set(db.read(lambda: list(db.session.scalars(query))))


@GUARDED
def test_a_cloud_that_is_created_while_its_customer_is_suspended_is_suspended(
    world: World, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    use_pretended(monkeypatch)
    cloud_id, olga = create_cloud(NINA, payer=world.ninas_subaccount), actor(OLGA)
    db.write(lambda: clouds.begin_order(cloud_id, Task.CREATE, goes_on=False))
    if not is_guarded:
        without_locks(monkeypatch, Cloud)
        ids = select(Link.cloud_id).where(Link.until_at.is_(None))
        monkeypatch.setattr(
            clouds,
            "lock_linked_to",
            lambda it, **_: list(db.session.scalars(ids.where(Link.account_id == it.id))),
        )
    outcomes = race(
        lambda: clouds.record_order(cloud_id, Task.CREATE, external_id="ext-1"),
        lambda: customers.suspend(db.session.get_one(Customer, world.ninas_customer), by=olga),
    )
    assert outcomes == ["done", "done"]
    assert (OrderKind.SUSPEND in waiting()) == is_guarded
    assert db.session.get_one(BillingAccount, world.ninas_subaccount).suspended_at is not None
