"""What the relay has said is recorded when the database can be written again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from portal import db, worker
from portal.domain.jobs import Kind
from portal.domain.mail_deliveries import DeliveryState
from portal.worker import loop, mails
from tests.support.database_faults import cause
from tests.support.relay import clear_mails, delivery, queue_invitation, run_worker, use_relay
from tests.support.smtp import SmtpServer
from tests.support.world import Clock, World

pytestmark = pytest.mark.both_databases

CASES = [
    *(("sqlite", fault) for fault in ("busy", "read-only", "away")),
    *(("postgresql", fault) for fault in ("read-only", "away")),
]


class Outage(ExitStack):
    """A fault of the database, to be entered; it ends when the worker waits to try again."""

    is_noticed = False

    def end(self, _seconds: float) -> None:
        self.is_noticed = True
        self.close()


@pytest.fixture
def outage(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outage]:
    clear_mails()
    monkeypatch.setattr(db.dialects, "WAIT_MS", 20)
    with Outage() as outage:
        patched = SimpleNamespace(monotonic=time.monotonic, sleep=outage.end)
        monkeypatch.setattr(loop, "time", patched)
        yield outage


@pytest.mark.parametrize(("kind", "fault"), CASES, indirect=["kind"])
def test_a_known_outcome_is_recorded_when_the_database_is_back(
    app: Flask, cast: tuple[str, World], outage: Outage, fault: str
) -> None:
    hand_over = mails._hand_over

    def hand_over_and_break(*arguments: Any) -> Any:
        result = hand_over(*arguments)
        outage.enter_context(cause(fault, cast[0]))
        return result

    about = queue_invitation()
    with SmtpServer() as relay, pytest.MonkeyPatch.context() as patch:
        patch.setattr(mails, "_hand_over", hand_over_and_break)
        use_relay(app, relay.port)
        assert worker.run_next(Kind.MAIL)
        assert len(relay.messages) == 1
    assert outage.is_noticed
    assert delivery(about) == (DeliveryState.SENT, "250 OK")


@pytest.mark.parametrize("fault", ["away"])
def test_without_the_mark_no_mail_leaves_and_it_is_sent_when_the_database_is_back(
    app: Flask, cast: tuple[str, World], clock: Clock, outage: Outage, fault: str
) -> None:
    write = db.write

    def break_and_write(unit: Any) -> Any:
        if unit.__qualname__.startswith("_hand_over") and not outage.is_noticed:
            outage.enter_context(cause(fault, cast[0]))
        return write(unit)

    about = queue_invitation()
    with SmtpServer() as relay:
        use_relay(app, relay.port)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(db, "write", break_and_write)
            assert worker.run_next(Kind.MAIL)
        assert outage.is_noticed
        assert relay.arrived == []
        assert delivery(about) == (DeliveryState.PENDING, "the portal’s database was unavailable")
        clock.forward(minutes=1)
        run_worker()
    assert (delivery(about)[0], len(relay.messages)) == (DeliveryState.SENT, 1)


class Turns(threading.Event):
    """It is set after three waits, which take no time."""

    turns = 0

    def wait(self, _seconds: float | None = None) -> bool:
        self.turns += 1
        if self.turns == 3:
            self.set()
        return self.is_set()


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_worker_waits_for_the_end_of_a_restore_and_logs_it_once(
    app: Flask, cast: tuple[str, World], caplog: pytest.LogCaptureFixture
) -> None:
    with cause("restoring", cast[0]):
        loop._work(app, Turns(), Kind.MAIL)
    lines: list[Any] = [record.msg for record in caplog.records]
    reasons = [line["reason"] for line in lines if line["event"] == "worker.waits_for_database"]
    assert reasons == ["restoring"]
