"""People read that an order failed or was cancelled, until it runs again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from portal import db
from portal.domain import circuit_breakers, clouds, jobs, work
from portal.domain.clouds import Cloud, ProgressState
from portal.domain.jobs import Job, Kind, OrderKind, State
from portal.providers.contract import Never
from tests.support.clouds import create_cloud
from tests.support.pretended_cloud import PretendedCloud, progress, run_orders, use_pretended
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import DORA, Clock, World, actor


@pytest.fixture
def cloud(app: Flask, monkeypatch: pytest.MonkeyPatch) -> PretendedCloud:
    clear_mails()
    return use_pretended(monkeypatch)


def take(verb: Callable[..., None], state: State) -> None:
    """An operator does this with the creation in this state."""
    query = select(Job).where(Job.subject_kind == OrderKind.ENSURE, Job.state == state)
    job, by = db.read(lambda: db.session.scalars(query).one()), appoint_operator()
    db.write(lambda: verb(job, by=by))


def test_an_order_whose_workers_died_in_all_tries_has_failed_until_an_operator_runs_it_again(
    cloud: PretendedCloud, world: World, clock: Clock
) -> None:
    cloud_id = create_cloud(DORA, "Shop")
    for _try in range(len(jobs.RETRY_AFTER) + 1):
        assert db.write(lambda: jobs.claim_next(Kind.CLOUDS)) is not None
        clock.forward(minutes=40)
        db.write(lambda: jobs.settle_lost(Kind.CLOUDS))
        clock.forward(minutes=20)
    assert progress(cloud_id).state is ProgressState.CREATING
    run_orders()
    assert (progress(cloud_id).state, cloud.calls) == (ProgressState.FAILED, [])
    assert db.read(circuit_breakers.open_breakers) == []

    take(work.run_again, State.FAILED)
    assert progress(cloud_id).state is ProgressState.CREATING
    run_orders()
    assert progress(cloud_id).state is ProgressState.READY


def test_to_cancel_an_order_that_failed_says_nothing_of_the_one_that_took_its_place(
    cloud: PretendedCloud, world: World
) -> None:
    cloud_id, by = create_cloud(DORA, "Shop"), actor(DORA)
    cloud.fail(Never("no room"))
    run_orders()
    assert progress(cloud_id).fault == "no room"
    db.write(lambda: clouds.rename(db.session.get_one(Cloud, cloud_id), by=by, name="Shop 2"))
    take(work.cancel, State.FAILED)
    assert progress(cloud_id).state is ProgressState.CREATING


def test_a_cloud_whose_creation_an_operator_cancelled_is_not_being_created(
    cloud: PretendedCloud, world: World
) -> None:
    cloud_id = create_cloud(DORA, "Shop")
    take(work.cancel, State.WAITING)
    assert progress(cloud_id).failed_task is clouds.Task.CREATE
    assert progress(cloud_id).fault == "order-cancelled"
    by = actor(DORA)
    db.write(lambda: clouds.rename(db.session.get_one(Cloud, cloud_id), by=by, name="Shop 2"))
    assert progress(cloud_id).state is ProgressState.CREATING
