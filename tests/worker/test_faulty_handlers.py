"""A handler that raises, ends its thread, hangs or returns rubbish harms its own job alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from portal import db, worker
from portal.domain import customers, jobs
from portal.domain.jobs import Job, Kind, Outcome, State
from portal.domain.mail_deliveries import DeliveryState, MailDelivery
from portal.worker import job_kinds, loop
from tests.support.jobs import job_of, queue_job, run_imports, run_threads
from tests.support.mail_deliveries import claim_entry, mark_transmitting
from tests.support.processes import wait_until
from tests.support.relay import clear_mails, delivery, queue_invitation, run_worker, use_relay
from tests.support.smtp import SmtpServer
from tests.support.world import Clock

ON_SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
DONE = Outcome(State.DONE)


@pytest.fixture(autouse=True)
def _quick_and_quiet(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "IDLE_SECONDS", 0.01)
    clear_mails()


def handle(
    monkeypatch: pytest.MonkeyPatch, run: Callable[[Job], Any], kind: Kind = Kind.IMPORTS
) -> None:
    """Let `run` handle the jobs of a kind, with its real settings."""
    handler = job_kinds._runs(run, lease=job_kinds.HANDLERS[kind].lease)
    monkeypatch.setitem(job_kinds.HANDLERS, kind, handler)


def state(key: str) -> State:
    return job_of(key).state


def pass_lease(clock: Clock, kind: Kind = Kind.IMPORTS) -> None:
    clock.forward(seconds=job_kinds.HANDLERS[kind].lease.total_seconds() + 1)


def pass_wait(clock: Clock) -> None:
    """Move the clock to the next try of the job."""
    clock.now = job_of("import:x").run_at


@ON_SQLITE
def test_a_job_whose_handler_raises_is_retried_for_four_hours_and_others_run(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def run(job: Job) -> Outcome:
        if job.key == "import:x":
            raise ZeroDivisionError
        return DONE

    handle(monkeypatch, run)
    began = clock.now
    queue_job("import:x")
    queue_job("import:y")
    run_imports()
    assert (state("import:x"), state("import:y")) == (State.WAITING, State.DONE)
    assert job_of("import:x").answer == "internal fault: ZeroDivisionError"
    assert "Traceback" in caplog.text
    while state("import:x") is State.WAITING:
        pass_wait(clock)
        run_imports()
    assert state("import:x") is State.FAILED
    assert clock.now - began >= jobs.GIVE_UP_AFTER


RUBBISH: tuple[Any, ...] = (None, "done", ("ended",), (State.WAITING, "", "soon"))


@ON_SQLITE
@pytest.mark.parametrize("rubbish", RUBBISH, ids=str)
def test_a_job_whose_handler_returns_rubbish_is_retried(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch, rubbish: Any
) -> None:
    answers = iter([rubbish, DONE])
    handle(monkeypatch, lambda _job: next(answers))
    queue_job()
    run_imports()
    job = job_of("import:x")
    assert (job.state, job.attempts) == (State.WAITING, 1)
    assert (job.answer or "").startswith("internal fault: ")
    pass_wait(clock)
    run_imports()
    assert state("import:x") is State.DONE


@ON_SQLITE
def test_a_thread_that_dies_is_logged_and_started_again(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def run(job: Job) -> Outcome:
        if job.key == "import:x" and job.attempts == 1:
            raise SystemExit
        return DONE

    monkeypatch.setattr(threading, "excepthook", lambda _arguments: None)
    handle(monkeypatch, run)
    queue_job("import:x")
    queue_job("import:y")
    with run_threads(app, [Kind.IMPORTS]):
        wait_until(lambda: state("import:y") is State.DONE)
        assert state("import:x") is State.RUNNING, "its lease still runs"
        pass_lease(clock)
        wait_until(lambda: state("import:x") is State.WAITING)
        pass_wait(clock)
        wait_until(lambda: state("import:x") is State.DONE)
    assert "worker.thread_restarted" in caplog.text


@ON_SQLITE
def test_a_handler_that_hangs_holds_up_its_own_kind_until_another_worker_takes_the_job(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_begun, may_end = threading.Event(), threading.Event()

    def run(job: Job) -> Outcome:
        if job.attempts == 1:
            has_begun.set()
            assert may_end.wait(20)
            return Outcome(State.FAILED)
        return DONE

    handle(monkeypatch, run)
    queue_job()
    with SmtpServer() as relay, run_threads(app):
        use_relay(app, relay.port)
        assert has_begun.wait(20)
        queue_invitation()
        relay.wait_for(1, timeout=20)
        assert not worker.run_next(Kind.IMPORTS), "its lease still runs"
        pass_lease(clock)
        assert not worker.run_next(Kind.IMPORTS), "it is put off"
        pass_wait(clock)
        assert worker.run_next(Kind.IMPORTS)
        may_end.set()
    assert state("import:x") is State.DONE, "the late outcome changes nothing"


def lose_worker(clock: Clock, kind: Kind, **span: float) -> None:
    """Let a worker claim the job and die; then the next one comes after this time."""
    pass_wait(clock)
    lease = job_kinds.HANDLERS[kind].lease
    assert db.write(lambda: jobs.claim_next(kind, lease=lease) is not None)
    clock.forward(**span)
    worker.run_next(kind)


@pytest.mark.parametrize("kind_of_job", [Kind.IMPORTS, Kind.UPKEEP])
def test_a_job_whose_worker_died_hours_ago_is_retried(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch, kind_of_job: Kind
) -> None:
    handle(monkeypatch, lambda _job: DONE, kind_of_job)
    queue_job(kind=kind_of_job)
    lose_worker(clock, kind_of_job, hours=5)
    assert state("import:x") is State.WAITING
    pass_wait(clock)
    assert worker.run_next(kind_of_job)
    assert state("import:x") is State.DONE


@pytest.mark.parametrize(
    ("kind_of_job", "then"), [(Kind.IMPORTS, State.FAILED), (Kind.UPKEEP, State.WAITING)]
)
def test_a_job_whose_workers_always_die_is_given_up_unless_it_recurs(
    app: Flask, clock: Clock, kind_of_job: Kind, then: State
) -> None:
    queue_job(kind=kind_of_job)
    for _ in range(7):
        lose_worker(clock, kind_of_job, hours=1)
    assert state("import:x") is then


@ON_SQLITE
def test_a_fault_in_a_notification_stops_no_mail(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_delivery: MailDelivery) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(customers, "notify_of_delivery", fail)
    queue_invitation(about="dn2lost")
    assert mark_transmitting(claim_entry())
    pass_lease(clock, Kind.MAIL)
    queue_invitation(about="dn2next")
    with SmtpServer() as relay:
        use_relay(app, relay.port)
        run_worker()
    assert delivery("dn2lost")[0] is DeliveryState.UNKNOWN
    assert delivery("dn2next")[0] is DeliveryState.SENT
