"""The jobs of a worker that died are taken up before their lease ends, those of a live one not."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from portal import db, processes
from portal.domain import clouds, heartbeats, jobs
from portal.domain import mail_deliveries as deliveries
from portal.domain.clouds import Cloud, ProgressState
from portal.domain.heartbeats import Heartbeat, ProcessKind
from portal.domain.jobs import Job, Kind, OrderKind, State
from portal.domain.mail_deliveries import DeliveryState
from portal.providers import contract
from portal.providers.contract import CALL_SECONDS, Done
from portal.worker import job_kinds, loop, monitor, orders, providers
from tests.providers.answering_servers import answering
from tests.providers.webhook_example import WebhookSystem
from tests.support import mail_deliveries
from tests.support.clouds import create_cloud
from tests.support.forked_worker import fork, fork_worker, stop_before
from tests.support.orders import claim_order, job
from tests.support.pretended_cloud import (
    PretendedCloud,
    cloud_now,
    progress,
    run_orders,
    use_asking,
)
from tests.support.processes import wait_until
from tests.support.relay import clear_mails
from tests.support.world import DORA, Clock, actor
from tests.worker.test_access_orders import system
from tests.worker.test_killed_cloud_orders import PLACES

__all__ = ["system"]

pytestmark = pytest.mark.both_databases

ON_SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
PAST_BOUND = jobs.DEAD_AFTER.total_seconds() + 1


@pytest.fixture(autouse=True)
def _quick_and_quiet(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "IDLE_SECONDS", 0.02)
    monkeypatch.setitem(loop.THREADS, Kind.CLOUDS, 1)  # no other one stops with a lock
    clear_mails()


def beat() -> None:
    db.write(lambda: heartbeats.beat(processes.this(), ProcessKind.WORKER, version="1"))


def take_up(clock: Clock) -> None:
    """Do what each worker does every ten seconds."""
    beat()
    monitor.take_up_jobs()
    clock.forward(seconds=1)


def move_heartbeats(machine: str) -> None:
    """Have the workers on another machine, where their numbers say nothing."""
    db.write(lambda: db.session.execute(update(Heartbeat).values(machine=machine)))


@pytest.mark.parametrize(
    ("kind", "place", "is_here"),
    [
        ("sqlite", "marked", True),
        ("postgresql", "not-recorded", True),
        ("sqlite", "not-recorded", False),
        ("postgresql", "marked", False),
    ],
    indirect=["kind"],
)
def test_an_order_whose_worker_is_killed_frees_its_connection(
    app: Flask,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    *,
    system: WebhookSystem,
    place: str,
    is_here: bool,
) -> None:
    provider = system.connect()
    use_asking(monkeypatch, "program", provider)
    first = create_cloud(DORA, "first")
    with monkeypatch.context() as patch:
        stop_before(patch, *PLACES[place])
        with fork_worker(app, [Kind.CLOUDS]) as forked:
            forked.wait_until_stopped()
            take_up(clock)
            assert job_of_cloud(first).state is State.RUNNING, "its process is there"
    second = create_cloud(DORA, "second")
    if not is_here:
        move_heartbeats("elsewhere")
        take_up(clock)
        run_orders()
        assert progress(second).state is ProgressState.CREATING, "its worker may be alive"
        clock.forward(seconds=PAST_BOUND)
    take_up(clock)
    carry_out(clock)
    assert progress(second).state is ProgressState.READY
    clock.forward(seconds=20)
    carry_out(clock)
    assert progress(first).state is ProgressState.READY
    assert [it.our_id for it in provider.everything()].count(first) == 1


def carry_out(clock: Clock) -> None:
    """Carry out what is due, and ask what has become of it there."""
    for _ in range(2):
        run_orders()
        clock.forward(seconds=4)


def job_of_cloud(cloud_id: str) -> Job:
    return db.read(lambda: db.session.query(Job).filter_by(subject_id=cloud_id).one())


def test_a_worker_that_is_only_slow_keeps_its_job(app: Flask, clock: Clock) -> None:
    order = claim_order(OrderKind.GRANT)
    for _ in range(4):
        clock.forward(minutes=1)
        take_up(clock)
    assert job(order).state is State.RUNNING
    assert db.write(lambda: jobs.settle_lost(Kind.CLOUDS)) is None
    assert job(order).state is State.RUNNING


def test_an_order_that_takes_access_away_is_tried_again_at_once(app: Flask, clock: Clock) -> None:
    order = claim_order(OrderKind.REVOKE)
    other = claim_order(OrderKind.GRANT, connection_id="cony")
    clock.forward(seconds=PAST_BOUND)
    assert db.write(jobs.end_leases_of_dead_workers) == 2
    clock.forward(seconds=1)
    db.write(lambda: jobs.settle_lost(Kind.CLOUDS))
    assert job(order).run_at <= clock.now
    assert job(other).run_at > clock.now


class Named(PretendedCloud):
    """A cloud whose name is what was sent last."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url, self.http = url, providers._http({"ca_certificates": ""})

    def change_cloud(self, order: str, external_id: str, cloud: contract.Cloud) -> Done:
        self.http.request("PUT", self.url, headers={}, body=cloud.name.encode())
        return Done()


@ON_SQLITE
@pytest.mark.parametrize(("seconds", "name"), [(0.01, "third"), (CALL_SECONDS, "second")])
def test_a_worker_that_wakes_up_later_asks_its_connection_nothing_more(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch, seconds: float, name: str
) -> None:
    """The second case is the control: a call with time left undoes what is agreed now."""
    use_asking(monkeypatch, "named", PretendedCloud())
    cloud_id = create_cloud(DORA, "first")
    run_orders()
    rename(cloud_id, "second")
    stop_before(monkeypatch, Named, "change_cloud")
    monkeypatch.setattr(providers, "CALL_SECONDS", seconds)
    with answering() as server:
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setitem(providers.PROVIDERS, "named", lambda *_given: Named(url))
        with fork_worker(app, [Kind.CLOUDS]) as forked:
            forked.wait_until_stopped()
            monkeypatch.setattr(providers, "CALL_SECONDS", CALL_SECONDS)
            began = clock.now
            clock.forward(seconds=PAST_BOUND)
            take_up(clock)
            run_orders()
            clock.forward(seconds=20)
            run_orders()
            rename(cloud_id, "third")
            run_orders()
            clock.now = began  # as the clock of the late worker, by which its lease still runs
            following = create_cloud(DORA, "next")
            forked.resume()
            wait_until(lambda: progress(following).state is ProgressState.READY)
    assert cloud_now(cloud_id).carried_out_name == "third"
    assert server.requests[-1].body.decode() == name


def rename(cloud_id: str, name: str) -> None:
    def unit() -> None:
        clouds.rename(db.session.get_one(Cloud, cloud_id), by=actor(DORA), name=name)

    db.write(unit)


@ON_SQLITE
def test_an_order_whose_call_begins_long_after_its_claim_is_put_back(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker may have taken it up."""
    cloud = PretendedCloud()
    use_asking(monkeypatch, "pretended", cloud)
    create_cloud(DORA)
    handler = job_kinds.HANDLERS[Kind.CLOUDS]
    claimed = db.write(lambda: handler.claim(Kind.CLOUDS, handler.lease))
    clock.forward(seconds=providers.BEGINS_WITHIN.total_seconds() + 1)
    db.write(orders.carry_out(claimed))
    assert (job(claimed.id).state, job(claimed.id).attempts) == (State.WAITING, 0)
    assert cloud.calls == []


def test_no_call_outlives_the_bound() -> None:
    assert providers.BEGINS_WITHIN + timedelta(seconds=CALL_SECONDS) < jobs.DEAD_AFTER


@pytest.mark.parametrize(
    ("is_marked", "is_once", "then"),
    [
        (False, True, DeliveryState.PENDING),
        (True, True, DeliveryState.TRANSMITTING),
        (True, False, DeliveryState.PENDING),
    ],
)
def test_a_mail_that_is_sent_at_most_once_keeps_its_lease_after_its_mark(
    app: Flask, clock: Clock, *, is_marked: bool, is_once: bool, then: DeliveryState
) -> None:
    entry = mail_deliveries.queue(once=is_once)
    claimed = mail_deliveries.claim_entry()
    if is_marked:
        assert mail_deliveries.mark_transmitting(claimed)
    clock.forward(seconds=PAST_BOUND)
    db.write(jobs.end_leases_of_dead_workers)
    clock.forward(seconds=1)
    assert is_marked or not mail_deliveries.mark_transmitting(claimed), "before it is settled"
    db.write(deliveries.settle_lost)
    assert mail_deliveries.state(entry) is then


def test_a_process_is_gone_only_if_its_machine_says_so() -> None:
    with fork(threading.Event().wait) as forked:
        here = processes.this()
        assert not processes.is_gone(forked.process_id, here.machine)
        forked.kill()
        assert here.machine
        assert processes.is_gone(forked.process_id, here.machine)
        assert not processes.is_gone(forked.process_id, "elsewhere")
        assert not processes.is_gone(forked.process_id, "")
