"""A hand-over ends in its time, reads each reply for what it proves, and says what kind failed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from flask import Flask

from portal import mail
from portal.domain.mail_deliveries import MailDelivery
from portal.mail import connection, smtp
from tests.conftest import make_app
from tests.support.relay import CLIENT_EMAIL, SILENT, Cut, Slow, run_scripted_relay, use_relay
from tests.support.smtp import CUT, SmtpServer
from tests.support.smtp import SILENT as NO_REPLY

SHORT = timedelta(seconds=0.05)
LIMITS = {
    "TRANSMISSION_WAIT": timedelta(seconds=60),
    "REPEATABLE_REPLY_WAIT": timedelta(seconds=60),
    "REPLY_WAIT": timedelta(minutes=10),
}
TRICKLE = Slow(b"250-" + b"x" * 200)
TLS_TRICKLE = b"\x16\x03\x03\x40\x00" + b"\0" * 200  # a record of 16 kB begins
TIMED_OUT = "timed out"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application without a database: a hand-over opens no transaction."""
    app = make_app(f"sqlite:///{tmp_path_factory.mktemp('empty')}/empty.db")
    with app.app_context():
        yield app


def shorten(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Shorten one limit. Relays close after 5 s, so that `TIMED_OUT` shows that it was in force."""
    assert getattr(smtp, name) == LIMITS[name]
    monkeypatch.setattr(smtp, name, SHORT)


def hand_over(*, is_once: bool = True, to: str = CLIENT_EMAIL) -> mail.Reply:
    facts = {"partner": "North", "email": to, "subaccount": "dn2x", "cloud": None}
    entry = MailDelivery(
        id="out_x",
        kind="invitation",
        about="dn2x",
        recipient=to,
        language="en",
        facts=facts,
        message_id="0123",
        is_once=is_once,
        created_at=datetime.now(UTC),
    )
    return mail.hand_over(entry, lambda: True)


def fail(**values: Any) -> mail.HandoverFailed:
    with pytest.raises(mail.HandoverFailed) as caught:
        hand_over(**values)
    return caught.value


STAGES = ["hello", "ehlo", "mail", "rcpt", "data"]


@pytest.mark.parametrize("reply", [SILENT, TRICKLE], ids=["silent", "trickles"])
@pytest.mark.parametrize("stage", STAGES)
def test_all_steps_before_the_final_dot_end_together_by_the_clock(
    app: Flask, monkeypatch: pytest.MonkeyPatch, stage: str, reply: bytes
) -> None:
    shorten(monkeypatch, "TRANSMISSION_WAIT")
    with run_scripted_relay(app, **{stage: reply}) as relay:
        failure = fail()
        assert relay.dots == 0
    assert isinstance(failure, mail.NotHandedOver)
    assert (failure.code, failure.is_relay_down) == (None, True)
    assert TIMED_OUT in str(failure)


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize("reply", [SILENT, Slow(TLS_TRICKLE)], ids=["silent", "trickles"])
def test_a_tls_handshake_ends_by_the_clock(
    app: Flask, monkeypatch: pytest.MonkeyPatch, security: str, reply: bytes
) -> None:
    shorten(monkeypatch, "TRANSMISSION_WAIT")
    replies = {"hello": reply}
    if security == "starttls":
        begin = Slow(b"220 go\r\n" + reply) if isinstance(reply, Slow) else b"220 go"
        replies = {"ehlo": b"250-x\r\n250 STARTTLS", "starttls": begin}
    with run_scripted_relay(app, **replies) as relay:
        use_relay(app, relay.server_address[1], mail_security=security)
        failure = fail()
    assert isinstance(failure, mail.NotHandedOver)
    assert failure.is_relay_down
    assert TIMED_OUT in str(failure)


def test_a_body_that_the_relay_does_not_read_ends_by_the_clock() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=greet, args=(server,), daemon=True).start()
        port = server.getsockname()[1]
        client = connection.Connection("127.0.0.1", port, seconds=5, implicit_tls=None)
        client.set_deadline(SHORT.total_seconds())
        with pytest.raises(TimeoutError):
            client.send(b"x" * 30_000_000)
        client.close()


def greet(server: socket.socket) -> None:
    accepted, _ = server.accept()
    with accepted:
        accepted.sendall(b"220 x\r\n")
        threading.Event().wait(1)


def test_name_resolution_ends_by_the_clock(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch, "TRANSMISSION_WAIT")
    is_over = threading.Event()

    def hang(*_args: Any, **_kwargs: Any) -> Any:
        is_over.wait(5)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    use_relay(app, 25, mail_server="relay.example")
    failure = fail()
    is_over.set()
    assert isinstance(failure, mail.NotHandedOver)
    assert failure.is_relay_down
    assert TIMED_OUT in str(failure)


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ADDRESS_TIMEOUT", SHORT.total_seconds())
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as full,
        socket.create_connection(full.getsockname()),  # Linux drops the next
        run_scripted_relay(app) as relay,
    ):
        addresses = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", each)
            for each in (full.getsockname(), relay.server_address)
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: addresses)
        assert hand_over() == (250, "250 OK")


@pytest.mark.parametrize("reply", [SILENT, TRICKLE], ids=["silent", "trickles"])
@pytest.mark.parametrize(
    ("is_once", "limit"), [(True, "REPLY_WAIT"), (False, "REPEATABLE_REPLY_WAIT")]
)
def test_the_wait_for_the_reply_to_the_final_dot_ends_by_the_clock(
    app: Flask, monkeypatch: pytest.MonkeyPatch, is_once: bool, limit: str, reply: bytes
) -> None:
    shorten(monkeypatch, limit)
    with run_scripted_relay(app, dot=reply) as relay:
        failure = fail(is_once=is_once)
        assert relay.dots == 1
    assert isinstance(failure, mail.OutcomeUnknown)
    assert (failure.code, failure.is_relay_down) == (None, True)
    assert TIMED_OUT in str(failure)


def test_a_slow_relay_that_ends_in_time_is_no_failure(app: Flask) -> None:
    with SmtpServer() as relay:
        relay.pause = 0.000001
        use_relay(app, relay.port)
        assert hand_over() == (250, "250 OK")


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        ({"data": b"354 go\r\n421 shutting down"}, "421 shutting down"),
        ({"data": b"354 go\r\n250 OK"}, "250 OK"),
        ({"data": b"354 go\r\n250-O\r\n250 K"}, "250 O K"),
        ({"data": b"354 go\r\n250-cut"}, TIMED_OUT),
        ({"data": b"354 go\r\n\xff"}, "not a reply"),
        ({"rcpt": b"250 " + b"x" * 9000}, "Line too long"),
        ({"mail": b"250 OK\r\n250 OK"}, "250 OK"),
        ({"rcpt": b"250 OK\r\n354 go"}, "354 go"),
        ({"rcpt": b"550 no\r\n250 OK"}, "550 no"),
        ({"hello": b"220 x\r\n250 a\r\n250 b\r\n250 c\r\n354 go\r\n250 OK"}, "250 a"),
    ],
)
def test_a_reply_out_of_turn_in_the_same_packet_prevents_the_final_dot(
    app: Flask, replies: dict[str, bytes], words: str
) -> None:
    with run_scripted_relay(app, **replies) as relay:
        failure = fail()
        assert relay.dots == 0
    assert isinstance(failure, mail.NotHandedOver | mail.RefusedByRelay)
    assert words in str(failure)


class Injecting(SmtpServer):
    """A relay, or an attacker on the way to it, that adds a reply before encryption begins."""

    def factory(self) -> SMTP:
        accepted = super().factory()
        push = accepted.push

        async def add(status: Any) -> None:
            is_starttls = str(status).startswith("220 Ready")
            await push(f"{status}\r\n250 AUTH PLAIN" if is_starttls else status)

        accepted.push = add
        return accepted


def test_a_reply_injected_before_tls_prevents_the_final_dot(app: Flask, tmp_path: Path) -> None:
    with Injecting("starttls") as relay:
        relay.ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        secure = {"mail_security": "starttls", "mail_ca_file": str(tmp_path / "ca.pem")}
        use_relay(app, relay.port, mail_server="localhost", **secure)
        failure = fail()
        assert relay.arrived == []
    assert (str(failure), failure.is_relay_down) == ("250 AUTH PLAIN", True)


@pytest.mark.parametrize(
    "replies",
    [
        {"dot": b"250 OK\r\n554 no"},
        {"dot": b"554 no\r\n250 OK"},
        {"dot": b"421 shutting down\r\n250 OK"},
        {"dot": b"421 shutting down", "quit": b"250 OK"},
        {"dot": b"250 OK", "quit": b"554 no"},
        {"dot": b"250-OK\r\n550 no"},
        {"dot": b"550-no\r\n250 OK"},
        {"dot": Cut(b"25")},
        {"dot": Cut(b"250")},
        {"dot": Cut(b"250 OK")},
        {"dot": Cut(b"250-OK\r\n")},
        {"dot": Cut(b"550 n")},
        {"dot": b"2500 OK"},
        {"dot": b"+25 OK"},
        {"dot": b"\xd9\xa2\xd9\xa5\xd9\xa0 OK"},
        {"dot": b"250 " + b"x" * 9000},
        {"dot": b"250-x\r\n" * 101 + b"250 OK"},
    ],
)
def test_replies_that_prove_nothing_after_the_final_dot_leave_it_unknown(
    app: Flask, replies: dict[str, bytes]
) -> None:
    with run_scripted_relay(app, **replies) as relay:
        failure = fail()
        assert relay.dots == 1
    assert isinstance(failure, mail.OutcomeUnknown)
    assert (failure.code, failure.is_relay_down) == (None, True)


@pytest.mark.parametrize(
    ("replies", "reply"),
    [
        ({"dot": b"250"}, (250, "250 ")),
        ({"dot": b"250-\xd0\xb4\xd0\xb0\r\n250 \xff"}, (250, "250 да \ufffd")),
        ({"dot": b"250 OK\r\n421 closing"}, (250, "250 OK")),
        ({"quit": b"250 bye"}, (250, "250 OK")),
        ({"quit": Cut()}, (250, "250 OK")),
    ],
)
def test_what_the_relay_says_after_its_reply_takes_nothing_back(
    app: Flask, replies: dict[str, bytes], reply: tuple[int, str]
) -> None:
    with run_scripted_relay(app, **replies):
        assert hand_over() == reply


RELAY, THIS_MAIL = True, False


@pytest.mark.parametrize(
    ("stage", "reply", "kind", "code", "is_relay_down"),
    [
        ("greeting", "421 4.3.2 Shutting down", mail.NotHandedOver, 421, RELAY),
        ("greeting", "554 5.3.2 No service", mail.NotHandedOver, 554, RELAY),
        ("greeting", CUT, mail.NotHandedOver, None, RELAY),
        ("auth", "535 5.7.8 Wrong password", mail.NotHandedOver, 535, RELAY),
        ("auth", "454 4.7.0 Not now", mail.NotHandedOver, 454, RELAY),
        ("auth", "334 x", mail.NotHandedOver, None, RELAY),
        ("mail", "451 4.3.0 Not now", mail.NotHandedOver, 451, RELAY),
        ("mail", "550 5.7.1 Not this sender", mail.RefusedByRelay, 550, RELAY),
        ("mail", CUT, mail.NotHandedOver, None, RELAY),
        ("rcpt", "421 4.3.2 Shutting down", mail.NotHandedOver, 421, RELAY),
        ("rcpt", "450 4.2.1 Mailbox busy", mail.NotHandedOver, 450, THIS_MAIL),
        ("rcpt", "550 5.1.1 User unknown", mail.RefusedByRelay, 550, THIS_MAIL),
        ("rcpt", "354 what", mail.NotHandedOver, 354, RELAY),
        ("rcpt", CUT, mail.NotHandedOver, None, RELAY),
        ("data", "452 4.3.1 No space", mail.NotHandedOver, 452, THIS_MAIL),
        ("data", "554 5.6.0 No", mail.RefusedByRelay, 554, THIS_MAIL),
        ("dot", "421 4.3.2 Shutting down", mail.NotHandedOver, 421, RELAY),
        ("dot", "451 4.3.0 Not now", mail.NotHandedOver, 451, THIS_MAIL),
        ("dot", "554 5.7.1 Spam", mail.RefusedByRelay, 554, THIS_MAIL),
        ("dot", "354 more", mail.OutcomeUnknown, 354, RELAY),
        ("dot", CUT, mail.OutcomeUnknown, None, RELAY),
    ],
)
def test_a_failure_says_whether_every_mail_would_meet_it(
    app: Flask,
    server: SmtpServer,
    *,
    stage: str,
    reply: str,
    kind: type[mail.HandoverFailed],
    code: int | None,
    is_relay_down: bool,
) -> None:
    server.replies[stage] = reply
    failure = fail()
    assert type(failure) is kind
    assert (failure.code, failure.is_relay_down) == (code, is_relay_down)
    assert reply in (CUT, str(failure)) or code is None


@pytest.fixture(scope="module")
def running(app: Flask) -> Iterator[SmtpServer]:
    with SmtpServer(require_auth=("portal", "secret")) as server:
        yield server


@pytest.fixture
def server(app: Flask, running: SmtpServer) -> SmtpServer:
    """A relay without faults."""
    running.replies.clear()
    use_relay(app, running.port, mail_username="portal", mail_password="secret")
    return running


def test_no_connection_no_relay_and_a_password_it_cannot_send_are_the_relays(
    app: Flask, server: SmtpServer
) -> None:
    with server.refusing():
        refused = fail()
    use_relay(app, server.port, mail_username="portal", mail_password="gehe\xefm")
    not_ascii = fail()
    use_relay(app, server.port, mail_server="", mailbox_dir="", host="0.0.0.0")
    missing = fail()
    for failure in (refused, not_ascii, missing):
        assert type(failure) is mail.NotHandedOver
        assert (failure.code, failure.is_relay_down) == (None, True)
    assert "refused" in str(refused)
    assert str(not_ascii) == "UnicodeEncodeError", "none of the password"
    assert str(missing) == "MAIL_SERVER is not set"


def test_faults_that_the_tests_relay_has_come_and_go(
    app: Flask, server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "other@client.example"
    server.arrived.clear()
    server.is_greylisting = True
    assert [fail().code, fail(to=other).code] == [451, 451]
    server.silent_for = {CLIENT_EMAIL}
    assert hand_over(to=other).code == 250
    with monkeypatch.context() as patch:
        shorten(patch, "REPLY_WAIT")
        assert TIMED_OUT in str(fail())
        server.replies["dot"] = NO_REPLY
        assert TIMED_OUT in str(fail(to=other))
    server.replies.clear()
    server.silent_for.clear()
    server.replies["body"] = CUT
    assert fail().is_relay_down
    server.replies.clear()
    assert hand_over().code == 250
    assert server.arrived == [other, CLIENT_EMAIL, other, CLIENT_EMAIL]
