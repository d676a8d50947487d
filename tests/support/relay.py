"""What tests of mails share: relays of every temper, workers that come by, what partners read."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal import db, worker
from portal.domain import customers, notifications, outbox
from portal.domain.accounts import BillingAccount
from portal.domain.outbox import Delivery, OutboxEntry
from tests.support.settings import change_settings
from tests.support.smtp import CuttingServer, SmtpServer
from tests.support.world import OLGA, STAFF_ROLES, Clock, World, actor, draft

SUBJECT = "Confirm your willingness to work with the integrator in Test Cloud"
CLIENT_EMAIL = "new@client.example"


def clear_outbox() -> None:
    """The cast's own mails leave the outbox, so that a test knows what is in it; and nobody wants
    to hear by mail how another mail fared, over the same relay."""

    def want_nothing() -> None:
        for email in STAFF_ROLES:
            notifications.set_preferences(set(), by=actor(email))

    db.write(want_nothing)
    waiting = select(OutboxEntry.kind, OutboxEntry.about).where(
        OutboxEntry.state == Delivery.PENDING
    )
    for kind, about in db.read(lambda: set(db.session.execute(waiting))):
        db.write(lambda kind=kind, about=about: outbox.cancel(kind, about=about))
    assert not db.read(outbox.has_work)


def invite(world: World, **wanted: Any) -> str:
    def unit() -> str:
        north = db.lock(BillingAccount, world.north)
        return customers.add(north, by=actor(OLGA), draft=draft(**wanted)).subaccount_id

    return db.write(unit)


def queue_invitation(**wanted: Any) -> str:
    """An invitation with facts of the test's own, sent once unless it says otherwise."""
    facts = {"partner": "North", "email": CLIENT_EMAIL, "subaccount": "dn2x", "cloud": None}
    values: dict[str, Any] = {"about": "dn2x", "to": CLIENT_EMAIL, "language": "en", "once": True}
    facts |= wanted.pop("facts", {})
    return db.write(lambda: outbox.add("invitation", facts=facts, **{**values, **wanted}).about)


def use_relay(app: Flask, port: int, **more: str) -> None:
    """From now on this is the relay."""
    values = {"mail_server": "127.0.0.1", "mail_port": port, "mail_security": "plain"}
    change_settings(app, **(values | more))


def run_worker() -> None:
    """A worker comes by, and another one."""
    while worker.deliver_next():
        pass
    assert not worker.deliver_next()


def delivery(about: str) -> tuple[Delivery, str]:
    """What the partner reads about it."""
    entry = db.read(lambda: outbox.latest("invitation", about=about))
    assert entry is not None
    return entry.state, entry.answer or ""


def pass_two_days(clock: Clock) -> None:
    """Two days in which workers come by again and again."""
    for _ in range(24):
        clock.forward(hours=2)
        run_worker()


def assert_delivered_once(app: Flask, clock: Clock, about: str) -> None:
    """Once there is a good relay it has the mail, and never again."""
    with SmtpServer() as good:
        use_relay(app, good.port)
        clock.forward(minutes=1)
        run_worker()
        assert delivery(about) == (Delivery.SENT, "250 OK")
        pass_two_days(clock)
        assert [message["Subject"] for message in good.messages] == [SUBJECT]


class ScriptedServer(socketserver.ThreadingTCPServer):
    """A relay that answers in the test's words: by command, `hello`, `dot`, or `early`, which it
    says when the first line of the message is there."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, **words: bytes) -> None:
        self.words = {"hello": b"220 x", "data": b"354 go", "quit": b"221 x", **words}
        self.said_early = threading.Event()
        self.dots = 0
        super().__init__(("127.0.0.1", 0), _ScriptedHandler)


class _ScriptedHandler(socketserver.StreamRequestHandler):
    server: ScriptedServer

    def handle(self) -> None:
        with suppress(ConnectionError):
            self.say("hello")
            while line := self.rfile.readline():
                verb = line.split()[0].lower().decode()
                self.say(verb)
                if verb == "data" and self.server.words["data"].startswith(b"354"):
                    self.message()

    def message(self) -> None:
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            if "early" in self.server.words and not self.server.said_early.is_set():
                self.say("early")
                self.server.said_early.set()
        if line:
            self.server.dots += 1
            self.say("dot")

    def say(self, what: str) -> None:
        self.wfile.write(self.server.words.get(what, b"250 OK") + b"\r\n")


@contextmanager
def run_scripted_relay(app: Flask, **words: bytes) -> Iterator[ScriptedServer]:
    with ScriptedServer(**words) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        use_relay(app, server.server_address[1])
        yield server
        server.shutdown()


def delay_transmitting(monkeypatch: pytest.MonkeyPatch, event: threading.Event) -> None:
    """Slow the worker down until the relay has done its worst, so that every run is the same."""
    at_once = outbox.mark_transmitting

    def mark(*held: str) -> bool:
        assert event.wait(5)
        return at_once(*held)

    monkeypatch.setattr(outbox, "mark_transmitting", mark)


class CloseNotifyingServer(CuttingServer):
    """Tells when its side of a connection is really closed."""

    def __init__(self, stage: Any) -> None:
        super().__init__(stage)
        self.closed = threading.Event()

    async def _meet(self, reader: Any, writer: Any) -> None:
        await super()._meet(reader, writer)
        with suppress(ConnectionError):
            await writer.wait_closed()
        self.closed.set()
