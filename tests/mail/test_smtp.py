"""A mail is handed over at most once, whatever a real relay says, and wherever it breaks off."""

from __future__ import annotations

import socket
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from portal import db, mail, worker
from portal.domain import mail_deliveries
from portal.domain.mail_deliveries import DeliveryState, MailDelivery
from tests.support.relay import (
    CloseNotifyingServer,
    assert_delivered_once,
    clear_mails,
    delay_transmitting,
    delivery,
    invite,
    pass_two_days,
    queue_invitation,
    run_scripted_relay,
    run_worker,
    use_relay,
)
from tests.support.smtp import CuttingServer, SmtpServer
from tests.support.world import Clock, World


@pytest.fixture
def kind() -> str:
    """What is said to a relay does not depend on the database; test_mail_deliveries.py has both."""
    return "sqlite"


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> None:
    clear_mails()


@pytest.fixture
def invited(app: Flask, world: World) -> str:
    """The subaccount of a customer North has just added; its invitation waits."""
    return invite(world)


@pytest.mark.parametrize("stage", ["auth", "mail", "rcpt", "data", "dot"])
def test_not_now_means_later_and_then_once(
    app: Flask, invited: str, clock: Clock, stage: str
) -> None:
    with SmtpServer(require_auth=("portal", "secret")) as relay:
        use_relay(app, relay.port, mail_username="portal", mail_password="secret")
        relay.replies[stage] = "451 4.3.0 Not now"
        run_worker()
        assert delivery(invited) == (DeliveryState.PENDING, "451 4.3.0 Not now")
        relay.replies.clear()
        run_worker()
        assert relay.messages == [], "not before its time"
        pass_two_days(clock)
        assert len(relay.messages) == 1
    assert delivery(invited)[0] is DeliveryState.SENT


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "dot"])
def test_never_is_refused_in_the_relays_words(
    app: Flask, invited: str, clock: Clock, stage: str
) -> None:
    with SmtpServer() as relay:
        use_relay(app, relay.port)
        relay.replies[stage] = "550 5.1.1 Nobody of this name"
        run_worker()
        relay.replies.clear()
        pass_two_days(clock)
        assert relay.messages == []
    assert delivery(invited) == (DeliveryState.REFUSED, "550 5.1.1 Nobody of this name")


@pytest.mark.parametrize(
    ("words", "then", "shown"),
    [
        ({"hello": b"421 shutting down"}, DeliveryState.PENDING, "421 shutting down"),
        ({"hello": b"554 no service"}, DeliveryState.PENDING, "554 no service"),
        ({"rcpt": b"252 will try"}, DeliveryState.SENT, "250 OK"),
        ({"rcpt": b"250-long\r\n250 words"}, DeliveryState.SENT, "250 OK"),
        ({"rcpt": b"220 odd"}, DeliveryState.SENT, "250 OK"),
        ({"rcpt": b"oops hello"}, DeliveryState.PENDING, "hello"),
        ({"rcpt": b"354 what"}, DeliveryState.PENDING, "354 what"),
        ({"data": b"250 what"}, DeliveryState.PENDING, "250 what"),
        ({"rcpt": b"550 no\0body\t\xff"}, DeliveryState.REFUSED, "550 no body \ufffd"),
        ({"dot": b"200 fine"}, DeliveryState.SENT, "200 fine"),
        ({"dot": b"250 a\0b"}, DeliveryState.SENT, "250 a b"),
        ({"dot": b"250-queued\r\n250 as 1"}, DeliveryState.SENT, "250 queued as 1"),
        ({"dot": b"451 not now"}, DeliveryState.PENDING, "451 not now"),
        ({"dot": b"oops hello"}, DeliveryState.UNKNOWN, "hello"),
        ({"dot": b"354 more"}, DeliveryState.UNKNOWN, "354 more"),
        ({"dot": b"x" * 9000}, DeliveryState.UNKNOWN, "Line too long"),
    ],
)
def test_whatever_the_relay_says_it_is_taken_as_what_it_proves(
    app: Flask, invited: str, words: dict[str, bytes], then: DeliveryState, shown: str
) -> None:
    with run_scripted_relay(app, **words) as relay:
        run_worker()
        may_have_left = then is not DeliveryState.PENDING and then is not DeliveryState.REFUSED
        assert relay.dots == (may_have_left or "dot" in words)
    state, answer = delivery(invited)
    assert state is then
    assert shown in answer


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_no_database_stumbles_over_the_relays_words(app: Flask, invited: str) -> None:
    with run_scripted_relay(app, dot=b"250 a\0b \xff\x1b[31m \xf0\x9f\x93\xac"):
        run_worker()
    assert delivery(invited) == (DeliveryState.SENT, "250 a b \ufffd [31m \U0001f4ec")


@pytest.mark.parametrize(
    ("words", "then"),
    [(b"421 shutting down", DeliveryState.PENDING), (b"552 too large", DeliveryState.REFUSED)],
)
def test_words_before_the_final_dot_prove_that_nothing_was_taken(
    app: Flask,
    invited: str,
    monkeypatch: pytest.MonkeyPatch,
    words: bytes,
    then: DeliveryState,
) -> None:
    with run_scripted_relay(app, early=words) as relay:
        delay_transmitting(monkeypatch, relay.early_sent)
        run_worker()
        assert relay.dots == 0
    assert delivery(invited) == (then, words.decode())


@pytest.mark.parametrize("stage", ["connect", "mail", "rcpt", "data"])
def test_cut_before_the_final_dot_it_goes_again_and_arrives_once(
    app: Flask, invited: str, clock: Clock, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    with CloseNotifyingServer(stage) as relay, monkeypatch.context() as patch:
        delay_transmitting(patch, relay.closed)
        use_relay(app, relay.port)
        run_worker()
        assert relay.dots == 0
        assert len(relay.connections) == 1
    assert delivery(invited)[0] is DeliveryState.PENDING
    assert_delivered_once(app, clock, invited)


def test_a_relay_that_is_not_there_is_tried_again(app: Flask, invited: str, clock: Clock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    use_relay(app, port)
    run_worker()
    assert delivery(invited)[0] is DeliveryState.PENDING
    assert "refused" in delivery(invited)[1]
    assert_delivered_once(app, clock, invited)


def test_a_relay_that_is_away_for_four_hours_is_reported(
    app: Flask, invited: str, clock: Clock
) -> None:
    with SmtpServer() as relay:
        use_relay(app, relay.port)
        relay.replies["mail"] = "451 4.3.0 Not now"
        for _ in range(20):
            clock.forward(minutes=15)
            run_worker()
        relay.replies.clear()
        pass_two_days(clock)
        assert relay.messages == []
    assert delivery(invited) == (DeliveryState.FAILED, "451 4.3.0 Not now")


@pytest.mark.parametrize("stage", ["dot", "silent"])
def test_after_the_final_dot_silence_parks_it_for_good(
    app: Flask, invited: str, clock: Clock, monkeypatch: pytest.MonkeyPatch, stage: Any
) -> None:
    monkeypatch.setattr(mail.smtp, "REPLY_WAIT", timedelta(seconds=0.2))
    with CuttingServer(stage) as relay:
        use_relay(app, relay.port)
        run_worker()
        assert delivery(invited)[0] is DeliveryState.UNKNOWN
        pass_two_days(clock)
        assert relay.dots == 1
        assert len(relay.connections) == 1
    with SmtpServer() as good:
        use_relay(app, good.port)
        pass_two_days(clock)
        assert good.messages == []
    assert delivery(invited)[0] is DeliveryState.UNKNOWN


@pytest.mark.parametrize("stage", ["dot", "silent"])
def test_mails_that_may_repeat_go_again_after_silence(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch, stage: Any
) -> None:
    about = queue_invitation(once=False)
    with CuttingServer(stage) as relay, monkeypatch.context() as patch:
        patch.setattr(mail.smtp, "REPEATABLE_REPLY_WAIT", timedelta(seconds=0.2))
        use_relay(app, relay.port)
        run_worker()
    assert delivery(about)[0] is DeliveryState.PENDING
    assert_delivered_once(app, clock, about)


def test_a_quit_that_fails_changes_nothing(app: Flask, invited: str, clock: Clock) -> None:
    with CuttingServer("quit") as relay:
        use_relay(app, relay.port)
        run_worker()
        assert delivery(invited) == (DeliveryState.SENT, "250 OK")
        pass_two_days(clock)
        assert relay.dots == 1


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_a_mail_that_was_taken_away_ends_without_its_dot(
    app: Flask,
    invited: str,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    is_cancelled: bool,
) -> None:
    """While the text is on its way the customer declines; or the worker was paused too long."""
    at_once = mail_deliveries.mark_transmitting

    def mark(*held: str) -> bool:
        if is_cancelled:
            mail_deliveries.cancel("invitation", about=invited)
        else:
            clock.forward(seconds=mail_deliveries.LEASE.total_seconds() + 1)
        return at_once(*held)

    with CuttingServer("quit") as relay, monkeypatch.context() as patch:
        patch.setattr(mail_deliveries, "mark_transmitting", mark)
        use_relay(app, relay.port)
        assert worker.run_next("mail")
        assert len(relay.bodies) == 1
        assert relay.dots == 0
    if is_cancelled:
        assert delivery(invited)[0] is DeliveryState.CANCELLED
    else:
        assert_delivered_once(app, clock, invited)


class Crash(BaseException):
    """The worker dies here: nothing catches it."""


ONCE, UNKNOWN = (DeliveryState.SENT, 1), (DeliveryState.UNKNOWN, 0)


@pytest.mark.parametrize(
    ("crash", "result"),
    [
        ("before the claim", ONCE),
        ("after the claim", ONCE),
        ("after the body", ONCE),
        ("after the mark", UNKNOWN),
        ("after the reply", UNKNOWN),
        ("after a restore", UNKNOWN),
    ],
)
def test_what_a_crash_leaves_is_sent_once_or_parked(
    app: Flask, clock: Clock, crash: str, result: tuple[DeliveryState, int]
) -> None:
    """Each row of the promise; tests/worker kills real workers."""
    about = queue_invitation()

    def claim() -> MailDelivery:
        claimed = mail_deliveries.claim_next()
        assert claimed is not None
        db.session.expunge(claimed)
        return claimed

    def mark() -> bool:
        if crash == "after the body":
            raise Crash
        is_marked = db.write(lambda: mail_deliveries.mark_transmitting(entry.id, entry.token or ""))
        if crash == "after the mark":
            raise Crash
        return is_marked

    with CloseNotifyingServer("quit") as relay:
        use_relay(app, relay.port)
        if crash == "after a restore":
            db.write(mail_deliveries.park_restored)
        elif crash != "before the claim":
            entry = db.write(claim)
            if crash != "after the claim":
                with suppress(Crash):
                    mail.hand_over(entry, mark)
                assert relay.closed.wait(5)
                assert relay.dots == (crash == "after the reply")
                assert len(relay.bodies) == 1
    with SmtpServer() as good:
        use_relay(app, good.port)
        clock.forward(seconds=mail_deliveries.REPLY_LEASE.total_seconds() + 1)
        pass_two_days(clock)
        assert (delivery(about)[0], len(good.messages)) == result
