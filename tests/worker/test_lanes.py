"""Lanes: one job of a key at a time, the highest priority first, and only the kinds asked for."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import text

from portal import db, worker
from portal.domain import circuit_breakers, jobs
from portal.domain.jobs import Job, Kind, State, claims
from tests.support.jobs import queue_job, run_imports
from tests.support.relay import clear_mails, queue_invitation, run_worker, use_relay
from tests.support.smtp import SmtpServer
from tests.support.world import Clock

pytestmark = pytest.mark.both_databases

ON_POSTGRESQL = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)


def claim() -> str | None:
    """The ID of the job that is claimed."""

    def unit() -> str | None:
        job = jobs.claim_next(Kind.IMPORTS)
        return job and job.id

    return db.write(unit)


def state(job_id: str) -> State:
    return db.read(lambda: db.session.get_one(Job, job_id).state)


def finish(job_id: str) -> None:
    def unit() -> None:
        job = db.session.get_one(Job, job_id)
        assert jobs.finish(job.key, job.token, jobs.Outcome(State.DONE))

    db.write(unit)


def test_a_job_waits_until_the_one_before_it_in_its_lane_has_ended(app: Flask) -> None:
    first, second, other = queue_job("import:x"), queue_job("import:x"), queue_job("import:y")
    assert [claim(), claim(), claim()] == [first, other, None]
    finish(first)
    assert claim() == second


def test_the_highest_priority_goes_first_and_then_the_oldest(app: Flask, clock: Clock) -> None:
    old, young = queue_job("import:old"), queue_job("import:young")
    urgent = queue_job("import:urgent", priority=1)
    assert [claim(), claim(), claim()] == [urgent, old, young]


def states_after_race(app: Flask) -> list[State]:
    """The states of a lane's two jobs after two workers, which have looked for work at the same
    moment, have claimed one each."""
    both = [queue_job("import:x"), queue_job("import:x")]
    barrier, new_token = threading.Barrier(2), claims.new_token

    def meet() -> str:
        barrier.wait(20)  # between SELECT and UPDATE
        return new_token()

    def work() -> None:
        with app.app_context():
            claim()

    with ThreadPoolExecutor(2) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "new_token", meet)
        for future in [pool.submit(work), pool.submit(work)]:
            future.result()
    return sorted(state(job_id) for job_id in both)


@ON_POSTGRESQL
def test_two_workers_never_run_two_jobs_of_a_lane(app: Flask) -> None:
    assert states_after_race(app) == [State.RUNNING, State.WAITING]


@ON_POSTGRESQL
def test_control_without_the_index_two_jobs_of_a_lane_run(app: Flask) -> None:
    db.write(lambda: db.session.execute(text("DROP INDEX uq_jobs_lane")))
    assert states_after_race(app) == [State.RUNNING, State.RUNNING]


def running_probes(app: Flask) -> int:
    """How many of two jobs run whose half-open circuit breaker two workers found at once."""
    jobs_of_kind = [queue_job("import:x"), queue_job("import:y")]

    def fail() -> None:
        for _ in range(circuit_breakers.OPENS_AFTER):
            circuit_breakers.record_failure(Kind.IMPORTS, "no answer")
        circuit_breakers.allow_probe(Kind.IMPORTS)

    db.write(fail)
    barrier, new_token = threading.Barrier(2), claims.new_token

    def meet() -> str:
        barrier.wait(20)  # after both have found their job
        return new_token()

    def work(_job_id: str) -> None:
        with app.app_context():
            claim()

    with ThreadPoolExecutor(2) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "new_token", meet)
        list(pool.map(work, jobs_of_kind))
    return [state(job_id) for job_id in jobs_of_kind].count(State.RUNNING)


@ON_POSTGRESQL
def test_one_worker_alone_probes_a_half_open_circuit_breaker(app: Flask) -> None:
    assert running_probes(app) == 1


@ON_POSTGRESQL
def test_control_without_the_look_at_the_update_both_probe(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_probe = circuit_breakers.begin_probe
    monkeypatch.setattr(circuit_breakers, "begin_probe", lambda *keys: [begin_probe(*keys)])
    assert running_probes(app) == 2


def test_a_worker_runs_only_the_kinds_that_it_has(app: Flask) -> None:
    clear_mails()
    queue_invitation()
    of_newer_version = queue_job("future:x", kind="future")
    of_imports = queue_job("import:x")
    run_imports()
    assert state(of_imports) is State.DONE
    with SmtpServer() as relay:
        use_relay(app, relay.port)
        run_worker()
        assert len(relay.messages) == 1
    assert state(of_newer_version) is State.WAITING
    assert not any(db.read(lambda kind=kind: jobs.has_work(kind)) for kind in worker.THREADS)
