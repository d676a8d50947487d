"""Orders: one of a kind and subject waits, and those that take access away go on to their end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from portal import db, processes
from portal.domain import heartbeats, jobs, readiness, work, workflows
from portal.domain.errors import Code, Refused
from portal.domain.heartbeats import ProcessKind
from portal.domain.jobs import Job, Kind, OrderKind, Outcome, State
from portal.domain.readiness import Cause, Problem
from tests.support.orders import claim_order, job, queue_order, states
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import Clock

ON_SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
LATER = Outcome(State.WAITING, "503", is_fault=True)


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> None:
    clear_mails()


def finish(job_id: str, outcome: Outcome) -> None:
    held = job(job_id)
    assert db.write(lambda: jobs.finish(held.key, held.token, outcome))


def test_a_newer_order_replaces_one_of_its_kind_and_subject_that_waits_or_is_parked(
    app: Flask,
) -> None:
    first, other = queue_order(OrderKind.CHANGE), queue_order(OrderKind.CHANGE, "b1gother")
    kind = queue_order(OrderKind.GRANT)
    second = queue_order(OrderKind.CHANGE)
    assert states(first, other, kind, second) == ["cancelled", "waiting", "waiting", "waiting"]
    assert job(first).answer == jobs.REPLACED
    db.write(jobs.park_restored)
    third = queue_order(OrderKind.CHANGE)
    assert states(second, third) == ["cancelled", "waiting"]


def test_an_order_is_queued_behind_one_that_runs_and_takes_its_place_if_that_has_to_wait(
    app: Flask,
) -> None:
    first = claim_order(OrderKind.REVOKE)
    second = queue_order(OrderKind.REVOKE)
    assert states(first, second) == ["running", "waiting"]
    finish(first, LATER)
    assert states(first, second) == ["cancelled", "waiting"]
    assert job(first).answer == jobs.REPLACED


def states_after_race(app: Flask, *, finishes: str) -> list[str]:
    """The states of an order and of its successor. The try of the order ends, and the successor is
    queued, in units of work of which the second begins to write before the first has committed."""
    claimed, barrier = claim_order(OrderKind.SUSPEND), threading.Barrier(2, timeout=20)
    held = job(claimed)

    def end() -> None:
        if finishes == "second":
            barrier.wait()
        jobs.finish(held.key, held.token, LATER)
        if finishes == "first":
            barrier.wait()

    def replace() -> None:
        if finishes == "first":
            barrier.wait()
        jobs.add_order(OrderKind.SUSPEND, "b1gx", connection_id="conx")
        if finishes == "second":
            barrier.wait()

    def run(unit: Callable[[], None]) -> None:
        with app.app_context():
            db.write(unit)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(run, unit) for unit in (end, replace)]:
            future.result()
    query = select(Job.state).where(Job.kind == Kind.CLOUDS).order_by(Job.id)
    return [str(state) for state in db.read(lambda: db.session.scalars(query).all())]


@ON_POSTGRESQL
@pytest.mark.parametrize("finishes", ["first", "second"])
def test_an_order_that_is_replaced_while_its_try_ends_never_waits_beside_the_newer_one(
    app: Flask, finishes: str
) -> None:
    assert states_after_race(app, finishes=finishes) == ["cancelled", "waiting"]


@ON_POSTGRESQL
def test_control_without_the_index_both_wait(app: Flask) -> None:
    db.write(lambda: db.session.execute(text("DROP INDEX uq_jobs_order")))
    assert states_after_race(app, finishes="second") == ["waiting", "waiting"]


def test_orders_that_take_access_away_go_first(app: Flask) -> None:
    granted = queue_order(OrderKind.GRANT, "mem1")
    revoked = queue_order(OrderKind.REVOKE, "mem2")
    assert db.write(lambda: jobs.claim_next(Kind.CLOUDS)).id == revoked  # type: ignore[union-attr]
    assert states(granted) == ["waiting"]


@ON_SQLITE
@pytest.mark.parametrize("order", jobs.TAKING_ACCESS_AWAY)
def test_an_order_that_takes_access_away_is_tried_for_days_and_can_not_be_cancelled(
    app: Flask, clock: Clock, order: OrderKind
) -> None:
    order_id = claim_order(order)
    for _ in range(9):
        clock.forward(days=1)
        assert not db.write(lambda: jobs.settle_lost(Kind.CLOUDS))
        assert states(order_id) == ["waiting"]
        clock.forward(hours=1)
        assert db.write(lambda: jobs.claim_next(Kind.CLOUDS)) is not None
    held = job(order_id)
    outcome = db.read(lambda: jobs.outcome_of_fault(held, "503"))
    assert outcome.state is State.WAITING
    finish(order_id, outcome)
    by = appoint_operator()
    with pytest.raises(Refused) as error:
        db.write(lambda: work.cancel(db.session.get_one(Job, order_id), by=by))
    assert error.value.code == Code.ORDER_TAKES_ACCESS
    row = db.read(lambda: work.job_row(by, order_id))
    assert row is not None
    assert row.run_again_refusal is None


@ON_SQLITE
def test_other_orders_give_up_and_can_be_cancelled(app: Flask, clock: Clock) -> None:
    order_id = claim_order(OrderKind.GRANT)
    clock.forward(hours=5)
    held = job(order_id)
    assert db.read(lambda: jobs.outcome_of_fault(held, "503")).state is State.FAILED
    finish(order_id, LATER)
    by = appoint_operator()
    db.write(lambda: work.cancel(db.session.get_one(Job, order_id), by=by))
    assert states(order_id) == ["cancelled"]


def test_a_parked_order_that_was_replaced_does_not_run_again(app: Flask) -> None:
    order_id, by = claim_order(OrderKind.GRANT), appoint_operator()
    finish(order_id, Outcome(State.FAILED, "quota"))
    queue_order(OrderKind.GRANT)
    with pytest.raises(Refused) as error:
        db.write(lambda: work.run_again(db.session.get_one(Job, order_id), by=by))
    assert error.value.code == Code.JOB_OVER


FORBIDDEN = {
    "failed": "UPDATE jobs SET state = 'failed'",
    "parked": "UPDATE jobs SET state = 'parked'",
    "cancelled by hand": "UPDATE jobs SET state = 'cancelled'",
    "another kind of job": "UPDATE jobs SET kind = 'imports'",
    "another kind of order": "UPDATE jobs SET subject_kind = 'grant-role'",
    "another subject": "UPDATE jobs SET subject_id = 'other'",
    "deleted": "DELETE FROM jobs",
}


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=list(FORBIDDEN))
def test_the_database_refuses_another_end_of_an_order_that_takes_access_away(
    app: Flask, statement: str
) -> None:
    order_id = queue_order(OrderKind.REVOKE)
    statement = f"{statement} WHERE id = '{order_id}'"
    with pytest.raises(IntegrityError):
        db.write(lambda: db.session.execute(text(statement)))


@pytest.mark.parametrize("order", [OrderKind.GRANT, OrderKind.REVOKE])
def test_the_database_refuses_a_second_order_of_one_subject_that_waits(
    app: Flask, order: OrderKind
) -> None:
    first = claim_order(order)
    queue_order(order)
    statement = f"UPDATE jobs SET state = 'waiting' WHERE id = '{first}'"
    with pytest.raises(IntegrityError):
        db.write(lambda: db.session.execute(text(statement)))


@pytest.mark.parametrize("order", [OrderKind.GRANT, OrderKind.REVOKE])
def test_the_database_keeps_the_legal_moves(app: Flask, clock: Clock, order: OrderKind) -> None:
    first = claim_order(order)
    finish(first, Outcome(State.DONE))
    clock.forward(days=91)
    db.write(jobs.purge_expired)
    assert db.read(lambda: db.session.get(Job, first)) is None


def test_after_a_restore_orders_that_take_access_away_run_and_all_others_are_parked(
    app: Flask, clock: Clock
) -> None:
    running = claim_order(OrderKind.REVOKE, "mem1", connection_id="con1")
    kinds = [OrderKind.ENSURE, OrderKind.SUSPEND, OrderKind.GRANT, OrderKind.WITHDRAW]
    waiting = [queue_order(kind) for kind in kinds]

    def restore() -> None:
        parked = workflows.finish_restore()
        assert parked.by_kind == {"clouds": 2, "upkeep": 4}

    db.write(restore)
    assert states(*waiting) == ["parked", "waiting", "parked", "waiting"]
    clock.forward(seconds=jobs.LEASE.total_seconds() + 1)
    db.write(lambda: jobs.settle_lost(Kind.CLOUDS))
    assert states(running) == ["waiting"]


def problems() -> list[Problem]:
    db.write(lambda: heartbeats.beat(processes.this(), ProcessKind.WORKER, version="1"))
    return db.read(readiness.problems)


@ON_SQLITE
def test_an_order_may_wait_for_an_hour(app: Flask, clock: Clock) -> None:
    queue_order(OrderKind.GRANT)
    clock.forward(minutes=59, seconds=59)
    assert problems() == []
    clock.forward(seconds=1)
    assert [(it.cause, it.kind) for it in problems()] == [(Cause.OVERDUE, Kind.CLOUDS)]


def test_an_order_that_takes_access_away_is_overdue_after_five_minutes_however_often_it_is_tried(
    app: Flask, clock: Clock
) -> None:
    queued_at = clock.now
    order_id = claim_order(OrderKind.REVOKE)
    finish(order_id, LATER._replace(run_at=queued_at + timedelta(hours=1)))
    clock.forward(minutes=4, seconds=59)
    assert problems() == []
    clock.forward(seconds=2)
    ((cause, kind, since),) = problems()
    assert (cause, kind) == (Cause.OVERDUE, Kind.CLOUDS)
    assert since is not None
    assert abs(since - queued_at) < timedelta(seconds=2)
