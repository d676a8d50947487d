"""What a worker that is killed has begun for a cloud is finished by the next one, and once."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from portal import db
from portal.domain import customers, jobs
from portal.domain.clouds import ProgressState
from portal.domain.customers import Customer
from portal.domain.jobs import Kind
from portal.worker import loop, providers
from tests.providers.webhook_example import WebhookSystem
from tests.support.clouds import create_cloud
from tests.support.forked_worker import fork_worker, stop_before
from tests.support.pretended_cloud import progress, run_orders, use_asking
from tests.support.relay import clear_mails
from tests.support.world import NINA, OLGA, Clock, World, actor
from tests.worker.test_access_orders import system

__all__ = ["system"]

PLACES: dict[str, tuple[Any, str]] = {
    "claimed": (loop, "_run"),
    "marked": (providers, "provider_of"),
    "not-recorded": (loop, "_record_outcome"),
}
"""Where the worker is killed: before the cloud is marked, before the connection is asked, and
before its answer is recorded."""


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.mark.parametrize("place", PLACES)
def test_what_a_killed_worker_has_begun_is_finished_by_the_next_one(
    app: Flask,
    world: World,
    clock: Clock,
    *,
    system: WebhookSystem,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    clear_mails()
    monkeypatch.setattr(loop, "IDLE_SECONDS", 0.02)
    provider, customer, olga = system.connect(), world.ninas_customer, actor(OLGA)
    use_asking(monkeypatch, "program", provider)
    cloud_id = create_cloud(NINA, f"shop-{place}", payer=world.ninas_subaccount)
    steps = [
        (customers.suspend, ProgressState.SUSPENDED, True),
        (customers.resume, ProgressState.READY, False),
    ]
    kill_worker(app, clock, monkeypatch, place)
    assert progress(cloud_id).state is ProgressState.READY
    for verb, state, is_suspended in steps:
        db.write(lambda verb=verb: verb(db.session.get_one(Customer, customer), by=olga))  # type: ignore[misc]
        kill_worker(app, clock, monkeypatch, place)
        assert progress(cloud_id).state is state
        (found,) = [found for found in provider.everything() if found.our_id == cloud_id]
        assert found.is_suspended == is_suspended


def kill_worker(app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Kill a worker at this place; then let others finish its order."""
    with monkeypatch.context() as patch:
        stop_before(patch, *PLACES[place])
        with fork_worker(app, [Kind.CLOUDS]) as forked:
            forked.wait_until_stopped()
    clock.forward(seconds=jobs.LEASE.total_seconds() + 1)
    for _ in range(3):  # it is settled, then tried, then what goes on there is asked about
        run_orders()
        clock.forward(minutes=1)
