"""*Cancel* beside a worker's claim: exactly one of them wins."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from portal import db
from portal.domain import jobs, mail_deliveries, work
from portal.domain.actors import Actor
from portal.domain.errors import Refused
from portal.domain.jobs import Job, Kind, State
from portal.domain.mail_deliveries import DeliveryState
from tests.support.jobs import job_of
from tests.support.mail_deliveries import queue
from tests.support.mail_deliveries import state as delivery_state
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator

pytestmark = pytest.mark.parametrize("kind", ["postgresql"])

Unit = Callable[[], object]


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> None:
    clear_mails()


def side_by_side(app: Flask, *units: Unit) -> list[object]:
    """What units of work return that run at the same time; a refusal in place of its result."""

    def run(unit: Unit) -> object:
        with app.app_context():
            try:
                return db.write(unit)
            except Refused as error:
                return error.code

    with ThreadPoolExecutor(len(units)) as pool:
        return [future.result() for future in [pool.submit(run, unit) for unit in units]]


def claim() -> str | None:
    delivery = mail_deliveries.claim_next()
    return delivery and delivery.id


def cancel(job_id: str, by: Actor) -> str:
    work.cancel(db.session.get_one(Job, job_id), by=by)
    return "cancelled"


def test_a_job_that_a_worker_has_just_claimed_is_not_cancelled(app: Flask) -> None:
    job, by, barrier = job_of(mail_deliveries.lane_of(queue())), appoint_operator(), _barrier()

    def claim_first() -> str | None:
        claimed = claim()
        barrier.wait()
        return claimed

    def cancel_second() -> str:
        barrier.wait()
        return cancel(job.id, by)

    claimed, refusal = side_by_side(app, claim_first, cancel_second)
    assert (claimed, refusal) == (job.subject_id, "job-running")
    assert delivery_state(job.subject_id) is DeliveryState.CLAIMED


def test_a_worker_passes_over_a_job_that_is_just_cancelled(app: Flask) -> None:
    job, by, barrier = job_of(mail_deliveries.lane_of(queue())), appoint_operator(), _barrier()

    def cancel_first() -> str:
        cancelled = cancel(job.id, by)
        barrier.wait()
        barrier.wait()  # until the worker has looked
        return cancelled

    def claim_second() -> str | None:
        barrier.wait()
        claimed = claim()
        barrier.wait()
        return claimed

    assert side_by_side(app, cancel_first, claim_second) == ["cancelled", None]
    assert delivery_state(job.subject_id) is DeliveryState.FAILED
    assert not db.read(lambda: jobs.has_work(Kind.MAIL))


def test_control_without_the_row_lock_both_win(app: Flask) -> None:
    job, barrier = job_of(mail_deliveries.lane_of(queue())), _barrier()

    def claim_first() -> str | None:
        barrier.wait()  # until the other has looked
        claimed = claim()
        barrier.wait()
        return claimed

    def cancel_unguarded() -> str:
        row = db.session.get_one(Job, job.id)
        assert row.state is State.WAITING
        barrier.wait()
        barrier.wait()  # until the worker has claimed it
        jobs.end_cancelled(row)
        return "cancelled"

    assert side_by_side(app, claim_first, cancel_unguarded) == [job.subject_id, "cancelled"]


def _barrier() -> threading.Barrier:
    return threading.Barrier(2, timeout=20)
