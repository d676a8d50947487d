"""A worker that is killed or stopped at any moment repeats and loses no mail and no import row."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal import db, worker
from portal.domain import imports, jobs
from portal.domain.accounts import BillingAccount
from portal.domain.customers import Customer
from portal.domain.imports import Import, Line
from portal.domain.jobs import Kind, State
from portal.domain.mail_deliveries import DeliveryState
from portal.mail import smtp
from portal.worker import job_kinds, loop
from tests.support.forked_worker import fork_worker, stop_before
from tests.support.jobs import job_of, queue_job, run_import_steps, run_imports
from tests.support.processes import wait_until
from tests.support.relay import (
    clear_mails,
    delivery,
    queue_invitation,
    run_worker,
    use_relay,
)
from tests.support.smtp import SmtpServer
from tests.support.world import OLGA, Clock, World, actor

pytestmark = pytest.mark.both_databases

ON_SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
SENT, UNKNOWN = DeliveryState.SENT, DeliveryState.UNKNOWN

PLACES: dict[str, tuple[Any, str]] = {
    "waiting": (loop, "run_next"),
    "claimed": (loop, "_run"),
    "transmitting": (smtp, "_finish"),
    "not-recorded": (loop, "_record_outcome"),
}
"""Where a worker stops, by the state in which it leaves its job: before it claims the job, before
it runs it, before the final dot of a mail, and before it records the outcome."""


@pytest.fixture(autouse=True)
def _quick_and_quiet(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "IDLE_SECONDS", 0.02)
    clear_mails()


def pass_lease(clock: Clock, kind: Kind) -> None:
    clock.forward(seconds=job_kinds.HANDLERS[kind].lease.total_seconds() + 1)


def begin_import(world: World) -> None:
    """Begin an import of three customers."""
    olga, cells = actor(OLGA), {"name": "Firm", "country": "DE"}
    lines = [Line(n, {**cells, "invitation_email": f"f{n}@client.example"}) for n in (2, 3, 4)]

    def upload() -> str:
        return imports.upload(db.lock(BillingAccount, world.north), by=olga, lines=lines).id

    import_id = db.write(upload)
    run_import_steps(import_id)
    db.write(lambda: imports.begin(db.lock(Import, import_id), by=olga))
    return import_id


def imported() -> int:
    """How many customers were added by the import."""
    query = select(Customer.id).where(Customer.name == "Firm")
    return db.read(lambda: len(db.session.scalars(query).all()))


def running() -> list[str]:
    """The lanes of the running jobs."""
    query = select(jobs.Job.key).where(jobs.Job.state == State.RUNNING)
    return db.read(lambda: list(db.session.scalars(query)))


@ON_SQLITE
@pytest.mark.parametrize(
    ("place", "once", "then", "count"),
    [
        ("waiting", True, SENT, 1),
        ("claimed", True, SENT, 1),
        ("transmitting", True, UNKNOWN, 0),
        ("transmitting", False, SENT, 1),
        ("not-recorded", True, UNKNOWN, 1),
        ("not-recorded", False, SENT, 2),
    ],
)
def test_a_mail_whose_worker_is_killed_is_sent_by_the_next_unless_it_may_have_left(
    app: Flask,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    *,
    place: str,
    once: bool,
    then: DeliveryState,
    count: int,
) -> None:
    about = queue_invitation(once=once)
    relay = SmtpServer()  # it starts after the fork
    use_relay(app, relay.port)
    with monkeypatch.context() as patch:
        stop_before(patch, *PLACES[place])
        with fork_worker(app, [Kind.MAIL]) as forked, relay:
            forked.wait_until_stopped()
    before = len(relay.messages)
    with SmtpServer() as next_relay:
        use_relay(app, next_relay.port)
        if place != "waiting":
            run_worker()
            assert next_relay.messages == [], "its lease still runs"
        for _ in range(3):
            pass_lease(clock, Kind.MAIL)
            run_worker()
        assert delivery(about)[0] is then
        assert before + len(next_relay.messages) == count


@pytest.mark.parametrize("place", ["claimed", "not-recorded"])
def test_an_import_whose_worker_is_killed_goes_on_and_adds_each_row_once(
    app: Flask, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    begin_import(world)
    with monkeypatch.context() as patch:
        stop_before(patch, *PLACES[place])
        with fork_worker(app, [Kind.IMPORTS]) as forked:
            forked.wait_until_stopped()
    assert imported() == (0 if place == "claimed" else 3)
    run_imports()
    assert len(running()) == 1, "its lease still runs"
    pass_lease(clock, Kind.IMPORTS)
    run_imports()
    clock.forward(minutes=1)
    run_imports()
    assert (imported(), running()) == (3, [])


@ON_SQLITE
@pytest.mark.parametrize("place", ["claimed", "not-recorded"])
def test_upkeep_whose_worker_is_killed_goes_on(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    with monkeypatch.context() as patch:
        stop_before(patch, *PLACES[place])
        with fork_worker(app, [Kind.UPKEEP]) as forked:
            forked.wait_until_stopped()
    [key] = running()
    pass_lease(clock, Kind.UPKEEP)
    worker.run_next(Kind.UPKEEP)
    clock.now = job_of(key).run_at
    while worker.run_next(Kind.UPKEEP):
        pass
    job = job_of(key)
    assert (job.state, job.attempts, job.answer) == (State.WAITING, 0, "")


@ON_SQLITE
@pytest.mark.parametrize(
    ("place", "then", "count"), [("claimed", SENT, 1), ("transmitting", UNKNOWN, 0)]
)
def test_a_worker_that_wakes_up_after_the_lease_repeats_no_mail_and_serves_the_next(
    app: Flask,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    *,
    place: str,
    then: DeliveryState,
    count: int,
) -> None:
    about = queue_invitation(lane=Kind.MAIL_NOW)  # which has one thread
    late_relay = SmtpServer()
    use_relay(app, late_relay.port)
    stop_before(monkeypatch, *PLACES[place])
    with fork_worker(app, [Kind.MAIL_NOW]) as forked, late_relay:
        forked.wait_until_stopped()
        began = clock.now
        with SmtpServer() as relay:
            use_relay(app, relay.port)
            pass_lease(clock, Kind.MAIL_NOW)
            run_worker()
            assert (delivery(about)[0], len(relay.messages)) == (then, count)
        clock.now = began  # as the clock of the late worker, by which its lease still runs
        queue_invitation(about="dn2next", to="next@client.example", lane=Kind.MAIL_NOW)
        forked.resume()
        wait_until(lambda: delivery("dn2next")[0] is SENT)
        assert delivery(about)[0] is then
        assert len(relay.messages) + len(late_relay.messages) == 2


@ON_SQLITE
def test_a_worker_that_wakes_up_after_the_lease_adds_no_row_of_an_import_again(
    app: Flask, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_import(world)
    stop_before(monkeypatch, loop, "_run")
    with fork_worker(app, [Kind.IMPORTS]) as forked:
        forked.wait_until_stopped()
        began = clock.now
        pass_lease(clock, Kind.IMPORTS)
        run_imports()
        clock.forward(minutes=1)
        run_imports()
        assert (imported(), running()) == (3, [])
        clock.now = began
        queue_job("import:next")
        forked.resume()
        wait_until(lambda: job_of("import:next").state is State.DONE)
    assert imported() == 3
