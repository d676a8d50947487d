"""A row of jobs that was edited by hand and can't be read stops neither its kind nor *Work*."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from portal import db
from portal.domain import doctor, jobs, mail_deliveries, readiness
from portal.domain.clouds import ProgressState
from portal.domain.jobs import Job, Kind, OrderKind
from portal.worker import monitor
from tests.support.browser import Browser
from tests.support.clouds import create_cloud
from tests.support.jobs import job_of, queue_job, run_imports
from tests.support.mail_deliveries import queue
from tests.support.orders import job, queue_order, states
from tests.support.pretended_cloud import progress, run_orders, use_pretended
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import DORA, World


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> None:
    clear_mails()


def edit(job_id: str, **values: object) -> None:
    """Write these values into the row by SQL."""
    columns = ", ".join(f"{name} = :{name}" for name in values)
    statement = text(f"UPDATE jobs SET {columns} WHERE id = :id")
    db.write(lambda: db.session.execute(statement, {"id": job_id, **values}))


def order_of(cloud_id: str) -> str:
    return db.read(lambda: db.session.scalars(select(Job.id).filter_by(subject_id=cloud_id)).one())


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "broken", [{"facts": "{"}, {"facts": "[]"}, {"run_at": "1 May", "created_at": 7}]
)
def test_an_order_that_can_not_be_read_fails_with_the_reason_and_others_run(
    world: World,
    browser: Callable[..., Browser],
    monkeypatch: pytest.MonkeyPatch,
    broken: dict[str, object],
) -> None:
    use_pretended(monkeypatch)
    broken_cloud, cloud = create_cloud(DORA, "Broken"), create_cloud(DORA, "Shop")
    edit(order_of(broken_cloud), **broken)
    appoint_operator()
    dora = browser(DORA)
    reason = f"This row of the table jobs can’t be read: {', '.join(sorted(broken))}."
    for state in ("waiting", "failed"):
        dora.get("/operator/work")
        dora.get(f"/operator/work/clouds?state={state}")
        assert reason in dora.text
        run_orders()
    assert progress(cloud).state is ProgressState.READY
    assert progress(broken_cloud).state is ProgressState.FAILED

    dora.click("Run again: Create the cloud Broken on Frankfurt")
    dora.submit("Run again")
    run_orders()
    assert progress(broken_cloud).state is ProgressState.READY


@pytest.mark.both_databases
def test_a_job_of_another_kind_fails_and_what_takes_access_away_goes_on(app: Flask) -> None:
    revoke, job_id = queue_order(OrderKind.REVOKE), queue_job("import:x")
    for broken in (revoke, job_id):
        edit(broken, facts="[]")
    run_imports()
    assert (states(job_id), job(job_id).answer) == (["failed"], jobs.UNREADABLE)
    assert claim(Kind.CLOUDS) == (revoke, {})


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_mail_goes_on_and_a_time_that_never_comes_is_now(app: Flask) -> None:
    lane = mail_deliveries.lane_of(queue("first", once=True))
    edit(job_of(lane).id, facts="{", run_at="tomorrow")
    assert claim(Kind.MAIL) is None
    monitor.pull_back_times()
    assert claim(Kind.MAIL) == (job_of(lane).id, {})


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_time_before_all_times_stops_neither_the_lane_nor_the_doctor(
    world: World, browser: Callable[..., Browser]
) -> None:
    broken, others = queue_job("import:x"), queue_job("import:y")
    edit(broken, run_at="-infinity", created_at="0044-03-15 BC", first_tried_at="infinity")
    found = [problem.sentence for result in doctor.run() for problem in result.problems]
    assert not any("The check failed" in sentence for sentence in found)
    appoint_operator()
    dora = browser(DORA)
    dora.get("/operator")
    dora.get("/operator/work")
    dora.get("/operator/work/imports?state=waiting")
    unreadable = "This row of the table jobs can’t be read: created_at, run_at, first_tried_at."
    assert unreadable in dora.text
    run_imports()
    assert (job(broken).state, job(broken).answer) == ("failed", jobs.UNREADABLE)
    assert job(others).state != "waiting"


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_time_after_all_times_is_now(app: Flask) -> None:
    revoke = queue_order(OrderKind.REVOKE)
    edit(revoke, run_at="infinity", created_at="20000-01-01")
    assert claim(Kind.CLOUDS) is None
    assert readiness.problems()
    monitor.pull_back_times()
    assert claim(Kind.CLOUDS) == (revoke, {})


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_lease_without_an_end_ends(app: Flask) -> None:
    job_id = queue_job()
    assert claim(Kind.IMPORTS) == (job_id, {})
    edit(job_id, leased_until="infinity", started_at="-infinity")
    monitor.pull_back_times()
    assert job(job_id).leased_until is not None
    edit(job_id, leased_until="-infinity")
    db.write(lambda: jobs.settle_lost(Kind.IMPORTS))
    assert job(job_id).state == "waiting"


def claim(kind: Kind) -> tuple[str, dict[str, Any]] | None:
    """The ID and the facts of the next job."""
    claimed = db.write(lambda: jobs.claim_next(kind))
    return claimed and (claimed.id, job(claimed.id).facts)
