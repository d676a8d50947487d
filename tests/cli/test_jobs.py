"""`flask jobs`: the list of *Work*, and its steps with the same refusals."""

from __future__ import annotations

import json

import pytest
from flask import Flask

from portal import db
from portal.domain import work
from portal.domain.jobs import OrderKind, State
from tests.support.jobs import job_of, queue_job
from tests.support.orders import queue_order
from tests.support.relay import clear_mails
from tests.support.world import World


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> None:
    clear_mails()


def run(app: Flask, *arguments: str) -> str:
    return str(app.test_cli_runner().invoke(args=["jobs", *arguments]).output)


def test_the_list_is_that_of_work_and_has_filters(
    app: Flask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "PAGE", 1)  # in portions it is the same
    order = queue_order(OrderKind.SUSPEND, world.carls_cloud)
    first, second = queue_job("import:x"), queue_job("import:y")
    lines = run(app, "list").splitlines()
    assert [line.split()[:3] for line in lines] == [
        [first, "imports", "waiting"],
        [second, "imports", "waiting"],
        [order, "clouds", "waiting"],
    ]
    assert run(app, "list", "--state", "failed") == ""
    (clouds,) = map(json.loads, run(app, "list", "--kind", "clouds", "--json").splitlines())
    assert (clouds["id"], clouds["state"], clouds["may_cancel"]) == (order, "waiting", False)
    assert clouds["subject"]["name"].startswith("Suspend the cloud ")


def test_a_job_is_cancelled_and_run_again_as_work_allows(app: Flask, world: World) -> None:
    order, job = queue_order(OrderKind.SUSPEND, world.carls_cloud), queue_job("x:1", kind="usage")
    assert "Error: " in run(app, "cancel", order)
    assert run(app, "run-again", job) == "The job waits for a free worker.\n"
    assert run(app, "cancel", job) == "The job is cancelled.\n"
    assert db.read(lambda: job_of("x:1")).state is State.CANCELLED
    assert "Error: " in run(app, "run-again", job)
    assert "There is no job job1" in run(app, "cancel", "job1")
