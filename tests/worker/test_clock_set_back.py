"""The clock is set back by a day while work waits: it goes on at once."""

from __future__ import annotations

import threading
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from structlog.testing import capture_logs

from portal import db
from portal.domain import alerts, circuit_breakers, heartbeats, jobs, readiness
from portal.domain.alerts import Alert
from portal.domain.circuit_breakers import CircuitBreaker
from portal.domain.heartbeats import Heartbeat, ProcessKind
from portal.domain.jobs import OPEN_STATES, Job, Kind, OrderKind
from portal.domain.readiness import Cause
from portal.domain.workflows.pull_back_times import LONGEST_LEASE
from portal.processes import Process
from portal.worker import monitor
from portal.worker.job_kinds import HANDLERS
from tests.support.jobs import run_upkeep
from tests.support.orders import claim_order, job, queue_order
from tests.support.processes import wait_until
from tests.support.relay import clear_mails
from tests.support.world import Clock

OTHER = Process("p1", "north-1", 17, "")
PAST = (
    Heartbeat.seen_at,
    Alert.began_at,
    Alert.mailed_at,
    CircuitBreaker.since,
    Job.started_at,
    Job.first_tried_at,
)


@pytest.fixture(autouse=True)
def _work(app: Flask) -> None:
    """Upkeep, a connection that does not answer, a worker that died, an alert."""
    clear_mails()
    run_upkeep()
    db.write(lambda: heartbeats.beat(OTHER, ProcessKind.WORKER, version="1"))
    for _ in range(circuit_breakers.OPENS_AFTER):
        db.write(lambda: circuit_breakers.record_failure("cloud:condown", "timed out"))
    db.write(alerts.update_alerts)


def latest(*columns: Any) -> list[datetime]:
    return [db.read(partial(db.session.scalar, func.max(column))) for column in columns]


def beat_once(app: Flask) -> None:
    """Run a worker's monitor until it has recorded, by its end, that its process lives."""
    stop = threading.Event()
    thread = monitor.start(app, ProcessKind.WORKER, stop)
    wait_until(lambda: len(db.read(heartbeats.alive)) == 2)
    stop.set()
    thread.join(20)
    assert len(db.read(heartbeats.alive)) == 1


def test_after_the_clock_was_set_back_work_goes_on_and_what_is_late_is_reported(
    app: Flask, clock: Clock
) -> None:
    running = claim_order(OrderKind.GRANT, "mem1", connection_id="con1")
    revoke = queue_order(OrderKind.REVOKE, "mem2")
    clock.forward(days=-1)

    with capture_logs() as lines:
        beat_once(app)
        beat_once(app)

    assert [line["event"] for line in lines] == ["clock.set_back"]
    now, is_open = db.read(db.now), Job.state.in_(OPEN_STATES)
    ahead = select(Job.subject_id).where(is_open, (Job.run_at > now) | (Job.created_at > now))
    assert db.read(lambda: db.session.scalars(ahead).all()) == []
    assert all(time <= now for time in latest(*PAST))
    (retry_at,) = latest(CircuitBreaker.retry_at)
    assert retry_at <= now + circuit_breakers.PROBE_EVERY
    assert (job(running).leased_until or now) <= now + LONGEST_LEASE
    claimed = db.write(lambda: jobs.claim_next(Kind.CLOUDS))
    assert claimed is not None
    assert claimed.id == revoke

    clock.forward(minutes=6)
    db.write(lambda: heartbeats.beat(OTHER, ProcessKind.WORKER, version="1"))
    overdue = [it.kind for it in db.read(readiness.problems) if it.cause is Cause.OVERDUE]
    assert overdue == [Kind.CLOUDS]


def test_clocks_that_differ_a_little_and_jobs_that_are_to_wait_change_nothing(
    clock: Clock,
) -> None:
    clock.forward(seconds=-59)
    with capture_logs() as lines:
        monitor.pull_back_times()
    assert lines == []


def test_no_lease_is_longer_than_what_it_may_be_after_that() -> None:
    assert max(handler.lease for handler in HANDLERS.values()) <= LONGEST_LEASE
