"""After a restore, what people agreed on and may have taken back since waits for an operator."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal import db, worker
from portal.domain import clouds, jobs, workflows
from portal.domain.access import CloudRole
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer, Status
from portal.domain.jobs import Kind, State
from tests.support.browser import Browser
from tests.support.claims import map_person
from tests.support.cloud_access import grant
from tests.support.clouds import create_cloud
from tests.support.ending import EARLIEST, come_to, give_notice, withdraw_notice
from tests.support.jobs import job_of, run_upkeep
from tests.support.memberships import (
    add_memberships,
    orders,
    pretend_connection,
    put_on,
)
from tests.support.pretended_cloud import cloud_now
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import DORA, EDDIE, SAM, Clock, World, actor, signed_in


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> None:
    clear_mails()


def close(cloud_id: str) -> None:
    by = signed_in(DORA)
    db.write(lambda: clouds.close(db.session.get_one(Cloud, cloud_id), name="shop", by=by))


def status(world: World) -> Status:
    return db.read(lambda: db.session.get_one(Customer, world.ninas_customer).status)


def restore() -> None:
    db.write(workflows.finish_restore, while_restoring=True)
    run_upkeep()
    assert [job_of(jobs.upkeep_lane(name)).state for name in jobs.AGREED_UPKEEP] == ["parked"] * 4


def run_again(browser: Callable[..., Browser]) -> None:
    """The operator reads why upkeep waits, and runs it."""
    appoint_operator()
    dora = browser(DORA)
    dora.get("/operator/work/upkeep?state=parked")
    assert dora.text.count("the portal was restored from a backup") == 4
    for name in jobs.AGREED_UPKEEP:
        dora.get(f"/operator/work/jobs/{job_of(jobs.upkeep_lane(name)).id}/run-again")
        assert "People may have taken back since that backup what this job does." in dora.text
        dora.submit("Run again")
    while worker.run_next(Kind.UPKEEP):
        pass


@pytest.mark.parametrize("is_taken_back", [True, False])
def test_clouds_and_partnerships_end_when_an_operator_runs_what_a_restore_parked(
    world: World, clock: Clock, browser: Callable[..., Browser], *, is_taken_back: bool
) -> None:
    cloud_id = create_cloud(DORA)
    close(cloud_id)
    give_notice(world)
    come_to(clock, EARLIEST)
    restore()
    clock.forward(days=1)
    restore()
    assert (cloud_now(cloud_id).closed_at, status(world)) == (None, Status.ACTIVE)

    if is_taken_back:
        by = actor(DORA)
        withdraw_notice(world)
        db.write(lambda: clouds.restore(db.session.get_one(Cloud, cloud_id), by=by))
    run_again(browser)
    assert (cloud_now(cloud_id).closed_at is None) is is_taken_back
    assert (status(world) is Status.ACTIVE) is is_taken_back


def test_a_role_whose_delay_ended_is_ordered_then_and_a_closed_cloud_lets_nobody_in_at_once(
    world: World, clock: Clock, browser: Callable[..., Browser]
) -> None:
    other = create_cloud(DORA)

    def prepare() -> str:
        connection_id = pretend_connection()
        put_on(connection_id, world.doras_cloud, other)
        add_memberships(EDDIE, other)
        db.lock(Cloud, other).closed_at = db.now()
        return connection_id

    map_person(SAM, db.write(prepare), "sam@idp")
    grant(world.doras_cloud, CloudRole.VIEWER, to=SAM)
    clock.forward(hours=1)
    restore()
    assert orders(State.WAITING) == ["revoke-member"]
    run_again(browser)
    assert orders(State.WAITING) == ["revoke-member", "grant-role"]
