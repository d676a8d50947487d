"""A connection that hangs delays nothing of another one, of mail, of imports or of a page."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from flask import Flask

from portal import db
from portal.domain import jobs
from portal.domain.clouds import ProgressState
from portal.domain.jobs import Job, Kind, State
from portal.providers import contract
from portal.providers.contract import Done, Running
from portal.worker import job_kinds, loop, orders
from tests.support import database_faults
from tests.support.browser import Browser
from tests.support.clouds import create_cloud
from tests.support.jobs import has_run, job_of, queue_job, run_threads
from tests.support.pretended_cloud import PretendedCloud, progress, use_asking
from tests.support.processes import wait_until
from tests.support.relay import clear_mails, delivery, queue_invitation, use_relay
from tests.support.smtp import SmtpServer
from tests.support.world import DORA, Clock


class HangingCloud(PretendedCloud):
    """It answers when it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.released = threading.Event(), threading.Event()

    def ensure_cloud(self, order: str, cloud: contract.Cloud) -> Done | Running:
        self.asked.set()
        assert self.released.wait(30)
        return super().ensure_cloud(order, cloud)


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


def test_a_connection_that_hangs_delays_nothing_else(
    app: Flask, browser: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    clear_mails()
    monkeypatch.setattr(loop, "IDLE_SECONDS", 0.01)
    hanging, dora = HangingCloud(), browser(DORA)
    use_asking(monkeypatch, "hanging", hanging, "Hanging")
    stuck = [create_cloud(DORA, f"stuck-{number}") for number in range(5)]
    use_asking(monkeypatch, "pretended", PretendedCloud())
    with run_threads(app), SmtpServer() as relay:
        use_relay(app, relay.port)
        assert hanging.asked.wait(30)
        others = [create_cloud(DORA, f"other-{number}") for number in range(5)]
        queue_invitation(about="dn2a")
        queue_job("import:x")
        wait_until(lambda: all(progress(it).state is ProgressState.READY for it in others))
        wait_until(lambda: delivery("dn2a")[0].value == "sent")
        wait_until(lambda: job_of("import:x").state == "done")
        wait_until(lambda: has_run("upkeep:purge-mails"))
        assert dora.get(f"/console/clouds/{stuck[0]}").status_code == 200
        assert {progress(it).state for it in stuck} == {ProgressState.CREATING}
        hanging.released.set()
        wait_until(lambda: all(progress(it).state is ProgressState.READY for it in stuck))
    assert len(hanging.clouds) == len(stuck)


def test_a_database_that_takes_nothing_is_no_fault_of_upkeep(app: Flask, clock: Clock) -> None:
    name = "withdraw-accesses"
    subject = ("upkeep", name)
    db.write(lambda: jobs.add_recurring(Kind.UPKEEP, key=f"upkeep:{name}", subject=subject))
    handler = job_kinds.HANDLERS[Kind.UPKEEP]
    job = db.write(lambda: handler.claim(Kind.UPKEEP, handler.lease))
    with database_faults.cause("read-only", app.config["SQLALCHEMY_DATABASE_URI"]):
        record = handler.run(job)
    db.write(record)
    job = db.read(lambda: db.session.get_one(Job, job.id))
    assert (job.state, job.answer, job.attempts) == (State.WAITING, "", 0)
    assert job.run_at <= db.now() + orders.DATABASE_WAIT


def test_a_database_that_takes_nothing_is_no_fault_of_an_order(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten threads want SQLite's write lock, for which five may wait."""
    clear_mails()
    cloud = PretendedCloud()
    use_asking(monkeypatch, "pretended", cloud)
    create_cloud(DORA)
    handler = job_kinds.HANDLERS[Kind.CLOUDS]
    job = db.write(lambda: handler.claim(Kind.CLOUDS, handler.lease))
    with database_faults.cause("read-only", app.config["SQLALCHEMY_DATABASE_URI"]):
        record = orders.carry_out(job)
    db.write(record)
    job = db.read(lambda: db.session.get_one(Job, job.id))
    assert (job.state, job.answer) == (State.WAITING, "")
    assert job.run_at <= db.now() + orders.DATABASE_WAIT
    assert cloud.clouds == {}
