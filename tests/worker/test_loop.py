"""The worker delivers what is due, outlives faults, and dies at the worst moments without harm."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from aiosmtpd.smtp import SMTP, Envelope
from flask import Flask
from sqlalchemy import func, select, text

from portal import db, worker
from portal.domain import idempotency, identity, jobs, mail_deliveries, values
from portal.domain.idempotency import IdempotencyKey
from portal.domain.identity import SavedForm, SignUp, UserSession
from portal.domain.mail_deliveries import DeliveryState
from portal.worker import loop
from tests.support.jobs import run_upkeep
from tests.support.processes import read_until, run_flask, wait_until, without_log
from tests.support.relay import (
    clear_mails,
    delivery,
    pass_two_days,
    queue_invitation,
    run_worker,
    use_relay,
)
from tests.support.smtp import CuttingServer, SmtpServer
from tests.support.world import OLGA, Clock, actor

ON_SQLITE = pytest.mark.parametrize("kind", ["sqlite"])


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> None:
    clear_mails()


def recipients(server: SmtpServer) -> list[str]:
    return [message.rcpt_tos[0] for message in server.messages]


def test_everything_due_is_handed_over_in_order(app: Flask) -> None:
    wanted = [f"{n}@client.example" for n in range(5)]
    for n, to in enumerate(wanted):
        queue_invitation(about=f"dn2{n}", to=to)
    with SmtpServer() as relay:
        use_relay(app, relay.port)
        run_worker()
        assert recipients(relay) == wanted


def test_a_fault_in_one_mail_does_not_stop_the_others(app: Flask, clock: Clock) -> None:
    def unit() -> str:
        return mail_deliveries.add(
            "no-such-kind", about="x", to="a@x.example", language="en", facts={}
        ).id

    broken = db.write(unit)
    queue_invitation()
    with SmtpServer() as relay:
        use_relay(app, relay.port)
        run_worker()
        assert recipients(relay) == ["new@client.example"]
        pass_two_days(clock)
        assert len(relay.messages) == 1
    entry = db.read(lambda: mail_deliveries.get(broken))
    assert (entry.state, entry.answer) == (DeliveryState.FAILED, "internal fault: TemplateNotFound")


def test_a_relay_too_slow_for_the_lease_is_reported_after_four_hours(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = queue_invitation()
    at_once = mail_deliveries.mark_transmitting

    def mark(*held: str) -> bool:
        clock.forward(seconds=mail_deliveries.LEASE.total_seconds() + 1)
        return at_once(*held)

    monkeypatch.setattr(mail_deliveries, "mark_transmitting", mark)
    with CuttingServer("quit") as relay:
        use_relay(app, relay.port)
        pass_two_days(clock)
        assert relay.dots == 0
    state, answer = delivery(about)
    assert state is DeliveryState.FAILED
    assert "too slow" in answer


class Asking(SmtpServer):
    """A relay that looks into our database at its greeting and after the final dot."""

    def __init__(self, look: Callable[[], Any]) -> None:
        super().__init__()
        self.look = look
        self.found: list[Any] = []

    def factory(self) -> SMTP:
        self.found.append(self.look())
        return super().factory()

    def store(self, envelope: Envelope) -> None:
        self.found.append(self.look())
        super().store(envelope)


def sqlite_is_free(path: str) -> bool:
    """Whether another connection can write at once, and nobody reads an old state."""
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE mail_deliveries SET attempts = attempts")
        connection.execute("COMMIT")
        busy, *_rest = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()


def postgresql_is_free(url: str) -> bool:
    """Whether nobody else has so much as looked at the mails in an open transaction."""
    try:
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute("LOCK TABLE jobs, mail_deliveries IN ACCESS EXCLUSIVE MODE NOWAIT")
    except psycopg.errors.LockNotAvailable:
        return False
    return True


def is_free(url: str) -> bool:
    if url.startswith("sqlite"):
        return sqlite_is_free(url.removeprefix("sqlite:///"))
    return postgresql_is_free(url)


def test_no_transaction_is_open_while_the_relay_is_talked_to(
    app: Flask, cast: tuple[str, Any]
) -> None:
    queue_invitation()
    with Asking(lambda: is_free(cast[0])) as relay:
        relay.found.clear()  # aiosmtpd's own call at its start
        use_relay(app, relay.port)
        run_worker()
        assert relay.found == [True, True]


@pytest.mark.parametrize("begin", [db.read, db.write])
def test_control_an_open_transaction_would_have_been_seen(
    app: Flask, cast: tuple[str, Any], begin: Callable[[Any], Any]
) -> None:
    def unit() -> bool:
        if begin is db.write:
            mail_deliveries.settle_lost()
        jobs.has_work("mail")
        with sqlite_writer(cast[0]):
            return is_free(cast[0])

    assert begin(unit) is False


@contextmanager
def sqlite_writer(url: str) -> Iterator[None]:
    """Somebody writes meanwhile: only then a reader of the old state keeps SQLite's log busy."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=0)
        try:
            connection.execute("UPDATE mail_deliveries SET attempts = attempts")
            connection.commit()
        except sqlite3.OperationalError:
            pass  # a writer is there already
        finally:
            connection.close()
    yield


def test_the_worker_goes_on_after_a_fault_and_stops_when_told(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loop, "IDLE_SECONDS", 0.01)
    db.write(lambda: db.session.execute(text("ALTER TABLE jobs RENAME TO away")))
    stop = threading.Event()

    thread = threading.Thread(target=worker.run, args=(app, stop))
    with SmtpServer() as relay:
        use_relay(app, relay.port)
        thread.start()
        wait_until(lambda: "worker.failed" in caplog.text)
        db.write(lambda: db.session.execute(text("ALTER TABLE away RENAME TO jobs")))
        queue_invitation()
        relay.wait_for(1, timeout=20)
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


def test_what_is_only_kept_for_a_while_is_dropped_when_its_time_is_over(
    app: Flask, clock: Clock
) -> None:
    olga = actor(OLGA)
    kept = (SignUp, UserSession, SavedForm, IdempotencyKey)

    def unit() -> None:
        address = values.email("somebody@new.example")
        identity.sign_up(address, name="S", next_path="/", language="en", invited=False)
        identity.open_session(olga.id, user_agent="")
        identity.save_form(olga.id, {"name": ["x"]})
        idempotency.run_once(olga, "a-key-of-a-form-0001", {}, lambda: "made")

    def rows() -> list[int | None]:
        count = func.count()
        return [db.session.scalar(select(count).select_from(model)) for model in kept]

    db.write(unit)
    run_upkeep()
    assert db.read(rows) == [1, 1, 1, 1], "not before its time"
    clock.forward(days=2, seconds=1)
    run_upkeep()
    assert db.read(rows) == [0, 0, 0, 0]


# Real processes. Their clock is the machine's.


@pytest.fixture
def real_time(clock: Clock) -> Clock:
    clock.now = datetime.now(UTC)
    return clock


def by(port: int) -> dict[str, str]:
    return {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(port), "MAIL_SECURITY": "plain"}


@ON_SQLITE
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_a_worker_finishes_what_it_is_handing_over(
    app: Flask, cast: tuple[str, Any], real_time: Clock, number: int
) -> None:
    about = queue_invitation()
    slow = SmtpServer()
    with run_flask("work", cast[0], **by(slow.port)) as process:
        busy = [about, queue_invitation(about="dn2beside")]  # each thread for mail has one
        wait_until(lambda: {delivery(it)[0] for it in busy} == {DeliveryState.CLAIMED})
        queue_invitation(about="dn2next")
        os.kill(process.pid, number)
        output = read_until(process.stdout, "worker.stopping")
        with slow:
            output += process.communicate(timeout=30)[0]
            assert len(slow.messages) == 2
    assert process.returncode == 0, output
    assert without_log(output) == ""
    assert delivery(about)[0] is DeliveryState.SENT
    assert delivery("dn2next")[0] is DeliveryState.PENDING
