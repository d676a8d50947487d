"""Mail relays in tests: set one, run the worker, read the delivery state; relays that misbehave."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, insert, update

from portal import db
from portal.domain import customers, jobs, mail_deliveries, notifications
from portal.domain.accounts import BillingAccount
from portal.domain.jobs import Job
from portal.domain.mail_deliveries import DeliveryState, MailDelivery
from portal.domain.notifications import MutedNotification
from tests.support.jobs import run_mails
from tests.support.settings import change_settings
from tests.support.smtp import CuttingServer, SmtpServer
from tests.support.world import OLGA, STAFF_ROLES, Clock, World, actor, draft, user

SUBJECT = "Confirm your willingness to work with the integrator in Test Cloud"
CLIENT_EMAIL = "new@client.example"


def clear_mails() -> None:
    """Cancel the cast's pending mails and turn off mail notifications, so that only the
    test's mails wait."""

    def unit() -> None:  # by statements: hundreds of tests begin so
        execute, values = db.session.execute, {"finished_at": db.now()}
        staff = [user(email).id for email in STAFF_ROLES]
        muted = [
            {"user_id": user_id, "kind": kind, "channel": channel}
            for user_id in staff
            for kind, channel in notifications.PREFERENCES
        ]
        execute(delete(MutedNotification).where(MutedNotification.user_id.in_(staff)))
        execute(insert(MutedNotification), muted)
        of_mails = Job.kind.in_(mail_deliveries.KINDS), Job.state == jobs.State.WAITING
        execute(update(Job).where(*of_mails).values(state=jobs.State.CANCELLED, **values))
        pending = MailDelivery.state == DeliveryState.PENDING
        execute(update(MailDelivery).where(pending).values(state=DeliveryState.CANCELLED, **values))

    db.write(unit)
    assert not db.read(lambda: jobs.has_work(*mail_deliveries.KINDS))


def invite(world: World, **facts: Any) -> str:
    """Add a customer to North; the subaccount's ID."""

    def unit() -> str:
        north = db.lock(BillingAccount, world.north)
        return customers.add(north, by=actor(OLGA), draft=draft(**facts)).subaccount_id

    return db.write(unit)


def queue_invitation(**options: Any) -> str:
    """Queue an invitation mail, by default one that is sent at most once; the subject's ID."""
    facts = {"partner": "North", "email": CLIENT_EMAIL, "subaccount": "dn2x", "cloud": None}
    values: dict[str, Any] = {"about": "dn2x", "to": CLIENT_EMAIL, "language": "en", "once": True}
    facts |= options.pop("facts", {})
    return db.write(
        lambda: mail_deliveries.add("invitation", facts=facts, **{**values, **options}).about
    )


def use_relay(app: Flask, port: int, **settings: str) -> None:
    """Send mails over the relay at this port from now on."""
    values = {"mail_server": "127.0.0.1", "mail_port": port, "mail_security": "plain"}
    change_settings(app, **(values | settings))


def run_worker() -> None:
    """Deliver what is due; a second run must find nothing."""
    run_mails()


def delivery(about: str) -> tuple[DeliveryState, str]:
    """State and answer of the newest invitation mail, as the partner reads them."""
    entry = db.read(lambda: mail_deliveries.latest("invitation", about=about))
    assert entry is not None
    return entry.state, entry.answer or ""


def pass_two_days(clock: Clock) -> None:
    """Move the clock forward by two days, and run the worker past each lease, each retry and the
    time of giving up."""
    for hours in (1, 1, 2, 4, 16, 24):
        clock.forward(hours=hours)
        run_worker()


def assert_delivered_once(app: Flask, clock: Clock, about: str) -> None:
    """With a working relay the mail is delivered, once within two days."""
    with SmtpServer() as server:
        use_relay(app, server.port)
        clock.forward(minutes=1)
        run_worker()
        assert delivery(about) == (DeliveryState.SENT, "250 OK")
        pass_two_days(clock)
        assert [message["Subject"] for message in server.messages] == [SUBJECT]


class Slow(bytes):
    """A reply of a `ScriptedServer` that trickles, a byte every hundredth of a second. Then it
    closes the connection."""


class Cut(bytes):
    """A reply of a `ScriptedServer` that breaks off: without a line end, and the connection closes.
    Empty: it closes without a reply."""


SILENT = b"(silent)"
"""No reply of a `ScriptedServer`, until the client closes the connection, for 5 s at most."""


class ScriptedServer(socketserver.ThreadingTCPServer):
    """A relay whose replies the test gives, each sent in one packet: by command, and for `hello`,
    `dot`, and `early`, which it sends at the first line of the message. A reply may be `SILENT`,
    `Slow` or `Cut`, or several replies in several lines."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, **replies: bytes) -> None:
        self.replies = {"hello": b"220 x", "data": b"354 go", "quit": b"221 x", **replies}
        self.early_sent = threading.Event()
        self.dots = 0
        super().__init__(("127.0.0.1", 0), _ScriptedHandler)


class _ScriptedHandler(socketserver.StreamRequestHandler):
    server: ScriptedServer
    timeout = 5
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(ConnectionError, TimeoutError):
            self.reply("hello")
            while line := self.rfile.readline():
                command = line.split()[0].lower().decode()
                self.reply(command)
                if command == "starttls":
                    self.rfile.read()  # no handshake
                if command == "data" and self.server.replies["data"].startswith(b"354"):
                    self.read_message()

    def read_message(self) -> None:
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            if "early" in self.server.replies and not self.server.early_sent.is_set():
                self.reply("early")
                self.server.early_sent.set()
        if line:
            self.server.dots += 1
            self.reply("dot")

    def reply(self, stage: str) -> None:
        reply = self.server.replies.get(stage, b"250 OK")
        if reply == SILENT:
            self.rfile.read()
        elif isinstance(reply, Slow):
            for byte in reply:
                self.wfile.write(bytes([byte]))
                time.sleep(0.01)
            raise ConnectionAbortedError
        elif isinstance(reply, Cut):
            self.wfile.write(reply)
            raise ConnectionAbortedError
        else:
            self.wfile.write(reply + b"\r\n")


@contextmanager
def run_scripted_relay(app: Flask, **replies: bytes) -> Iterator[ScriptedServer]:
    """Run a relay with these replies, and send mails over it."""
    with ScriptedServer(**replies) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        use_relay(app, server.server_address[1])
        yield server
        server.shutdown()


def delay_transmitting(monkeypatch: pytest.MonkeyPatch, event: threading.Event) -> None:
    """Delay the mark *transmitting* until the event, so that the relay always fails before it."""
    mark_transmitting = mail_deliveries.mark_transmitting

    def wait_and_mark(*claimed: str) -> bool:
        assert event.wait(5)
        return mark_transmitting(*claimed)

    monkeypatch.setattr(mail_deliveries, "mark_transmitting", wait_and_mark)


class CloseNotifyingServer(CuttingServer):
    """A server that sets `closed` when its side of a connection is closed."""

    def __init__(self, stage: Any) -> None:
        super().__init__(stage)
        self.closed = threading.Event()

    async def _serve_connection(self, reader: Any, writer: Any) -> None:
        await super()._serve_connection(reader, writer)
        with suppress(ConnectionError):
            await writer.wait_closed()
        self.closed.set()
