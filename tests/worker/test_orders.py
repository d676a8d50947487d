"""What becomes of an order that the cloud carries out, puts off or refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from portal import db, worker
from portal.domain import circuit_breakers, jobs, readiness
from portal.domain.jobs import Job, Kind, OrderKind
from portal.domain.readiness import Cause
from portal.providers.contract import Access, Done, Later, NeedsPerson, Never, Running
from portal.worker import orders
from tests.support.orders import job, queue_order, states
from tests.support.relay import clear_mails
from tests.support.world import Clock

Result = Done | Access | Running
GRANT, REVOKE = OrderKind.GRANT, OrderKind.REVOKE
BREAKER = "cloud:conx"


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> None:
    clear_mails()


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Result]]:
    """Let orders get these answers of the cloud, one after the other; what is recorded of them."""

    def use(*answers: Result | Exception) -> list[Result]:
        following, recorded = iter(answers), list[Result]()

        def call(_job: Job) -> Result:
            result = next(following)
            if isinstance(result, Exception):
                raise result
            return result

        step = orders.Step(call, lambda _job, result: recorded.append(result))
        for kind in (GRANT, REVOKE):
            monkeypatch.setitem(orders.STEPS, kind, step)
        return recorded

    return use


Answer = Callable[..., list[Result]]


def run_at(clock: Clock, order_id: str) -> None:
    """Move the clock to the next try of the order, and run it."""
    clock.now = job(order_id).run_at
    assert worker.run_next(Kind.CLOUDS)


def test_an_order_that_is_carried_out_is_recorded_with_its_result(
    app: Flask, answer: Answer
) -> None:
    recorded = answer(Done("ext1"))
    order_id = queue_order(GRANT)
    assert worker.run_next(Kind.CLOUDS)
    assert (states(order_id), recorded) == (["done"], [Done("ext1")])


def test_an_order_that_the_cloud_still_carries_out_is_asked_about_again(
    app: Flask, clock: Clock, answer: Answer
) -> None:
    recorded = answer(Running("op1", timedelta(seconds=7)), Done())
    order_id = queue_order(GRANT)
    assert worker.run_next(Kind.CLOUDS)
    waiting = job(order_id)
    assert (waiting.facts["operation"], waiting.attempts, recorded) == ("op1", 0, [])
    run_at(clock, order_id)
    assert (states(order_id), recorded) == (["done"], [Done()])


def test_an_order_that_gives_and_is_never_carried_out_needs_a_person_after_a_day(
    app: Flask, clock: Clock, answer: Answer
) -> None:
    running = Running("op1", timedelta(hours=8))
    answer(*[running] * 3, Later("busy"), *[running] * 6)
    giving = queue_order(GRANT)
    for _ in range(4):
        assert states(giving) == ["waiting"]
        run_at(clock, giving)
    run_at(clock, giving)
    assert (states(giving), job(giving).answer) == (["parked"], "order-still-running")
    db.write(lambda: jobs.requeue(db.session.get_one(Job, giving)))
    run_at(clock, giving)
    assert states(giving) == ["waiting"]
    db.write(lambda: jobs.cancel(BREAKER))

    taking = queue_order(REVOKE)
    for _ in range(4):
        run_at(clock, taking)
    assert states(taking) == ["waiting"]
    assert Cause.OVERDUE in [problem.cause for problem in db.read(readiness.problems)]


def test_the_cloud_says_when_to_ask_again(app: Flask, clock: Clock, answer: Answer) -> None:
    answer(Later("busy", timedelta(hours=1)))
    order_id = queue_order(GRANT)
    before = clock.now
    assert worker.run_next(Kind.CLOUDS)
    assert job(order_id).run_at >= before + timedelta(hours=1)
    assert job(order_id).answer == "busy"


@pytest.mark.parametrize(
    ("error", "state"), [(NeedsPerson("name-clash"), "parked"), (Never("quota"), "failed")]
)
def test_an_order_that_gives_access_ends_with_a_refusal_and_one_that_takes_it_is_tried_again(
    app: Flask, clock: Clock, answer: Answer, error: Exception, state: str
) -> None:
    answer(error, error, Done())
    taking, giving = queue_order(REVOKE), queue_order(GRANT)
    assert worker.run_next(Kind.CLOUDS)
    assert worker.run_next(Kind.CLOUDS)
    assert states(taking, giving) == ["waiting", state]
    assert job(taking).answer == str(error)
    run_at(clock, taking)
    assert states(taking) == ["done"]


def test_a_connection_that_does_not_answer_three_times_is_asked_every_five_minutes(
    app: Flask, clock: Clock, answer: Answer
) -> None:
    answer(*[Later("timed out")] * 3, Done())
    order_id = queue_order(REVOKE)
    for _ in range(3):
        run_at(clock, order_id)
    assert [it.key for it in db.read(circuit_breakers.open_breakers)] == [BREAKER]
    assert (Cause.NO_ANSWER, Kind.CLOUDS) in [
        (p.cause, p.kind) for p in db.read(readiness.problems)
    ]
    other = queue_order(GRANT, connection_id="conother")
    assert db.read(lambda: jobs.has_work(Kind.CLOUDS)), "another connection has its own breaker"
    db.write(lambda: jobs.cancel("cloud:conother"))
    assert states(other) == ["cancelled"]
    clock.now = max(job(order_id).run_at, clock.now + circuit_breakers.PROBE_EVERY)
    assert worker.run_next(Kind.CLOUDS)
    assert states(order_id) == ["done"]
    assert db.read(circuit_breakers.open_breakers) == []


def test_a_fault_of_ours_is_no_fault_of_the_connection(app: Flask, answer: Answer) -> None:
    answer()  # the call raises StopIteration
    order_id = queue_order(REVOKE)
    assert worker.run_next(Kind.CLOUDS)
    assert job(order_id).answer == "internal fault: StopIteration"
    assert db.read(circuit_breakers.open_breakers) == []


def test_a_result_that_can_not_be_recorded_is_asked_for_again(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_job: Job, _result: Done | Access) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(orders.STEPS, REVOKE, orders.Step(lambda _job: Done(), fail))
    order_id = queue_order(REVOKE)
    assert worker.run_next(Kind.CLOUDS)
    assert states(order_id) == ["waiting"]
    assert job(order_id).answer == "internal fault: ZeroDivisionError"


def test_an_order_that_this_version_does_not_know_waits_for_one_that_does(app: Flask) -> None:
    order_id = queue_order(OrderKind.TEST)

    def rename() -> None:
        db.session.get_one(Job, order_id).subject_kind = "order-of-tomorrow"

    db.write(rename)
    assert worker.run_next(Kind.CLOUDS)
    assert states(order_id) == ["waiting"]
    assert job(order_id).answer == "internal fault: KeyError"
