"""A relay that hangs or is down stops nothing else, and is asked every five minutes only."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from portal import db, worker
from portal.domain import circuit_breakers, mail_deliveries
from portal.domain.jobs import Kind, State
from portal.domain.mail_deliveries import DeliveryState, MailDelivery
from portal.mail import smtp
from portal.worker import loop
from tests.support.jobs import has_run, job_of, queue_job, run_threads
from tests.support.processes import wait_until
from tests.support.relay import (
    CLIENT_EMAIL,
    clear_mails,
    delivery,
    queue_invitation,
    run_worker,
    use_relay,
)
from tests.support.smtp import CuttingServer, SmtpServer
from tests.support.world import Clock

pytestmark = pytest.mark.both_databases

ON_SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> None:
    clear_mails()


def queue_verification() -> str:
    """Queue a mail of the lane mail-now; its ID."""
    facts = {"name": "Somebody", "next": "/"}
    to, language = "somebody@new.example", "en"
    return db.write(
        lambda: (
            mail_deliveries.add("verification", about="x", to=to, language=language, facts=facts).id
        )
    )


def state(delivery_id: str) -> DeliveryState:
    return db.read(lambda: mail_deliveries.get(delivery_id).state)


def deliveries() -> list[MailDelivery]:
    """The deliveries of `queue_invitation`, oldest first."""
    query = select(MailDelivery).where(MailDelivery.recipient.like("%@client.example"))
    return db.read(lambda: list(db.session.scalars(query.order_by(MailDelivery.id))))


@ON_SQLITE
def test_a_relay_that_hangs_on_invitations_stops_nothing_else(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "IDLE_SECONDS", 0.01)
    abouts = ["dn2a", "dn2b"]
    with run_threads(app), SmtpServer() as relay:
        relay.silent_for = {CLIENT_EMAIL}
        use_relay(app, relay.port)
        for about in abouts:  # one for each thread
            queue_invitation(about=about)
        wait_until(lambda: len(relay.arrived) == len(abouts))
        verification = queue_verification()
        queue_job("import:x")
        wait_until(lambda: state(verification) is DeliveryState.SENT)
        wait_until(lambda: job_of("import:x").state is State.DONE)
        wait_until(lambda: has_run("upkeep:purge-mails"))
        assert {delivery(about)[0] for about in abouts} == {DeliveryState.TRANSMITTING}
    assert {delivery(about)[0] for about in abouts} == {DeliveryState.UNKNOWN}


@ON_SQLITE
@pytest.mark.parametrize(
    ("once", "then"), [(True, DeliveryState.UNKNOWN), (False, DeliveryState.PENDING)]
)
def test_without_a_reply_in_time_an_invitation_is_unknown_and_another_mail_goes_again(
    app: Flask, monkeypatch: pytest.MonkeyPatch, once: bool, then: DeliveryState
) -> None:
    wait = "REPLY_WAIT" if once else "REPEATABLE_REPLY_WAIT"
    monkeypatch.setattr(smtp, wait, timedelta(seconds=0.05))
    about = queue_invitation(once=once)
    with SmtpServer() as relay:
        relay.silent_for = {CLIENT_EMAIL}
        use_relay(app, relay.port)
        run_worker()
        assert relay.arrived == [CLIENT_EMAIL]
    now, answer = delivery(about)
    assert now is then
    assert "timed out" in answer


def test_after_three_failures_a_relay_is_asked_every_five_minutes_until_it_answers(
    app: Flask, clock: Clock
) -> None:
    for n in range(4):
        queue_invitation(about=f"dn2{n}")
    with CuttingServer("connect") as relay:
        use_relay(app, relay.port)
        run_worker()
        assert len(relay.connections) == circuit_breakers.OPENS_AFTER
        probes = []
        for minute in range(1, 16):
            clock.forward(minutes=1)
            before = len(relay.connections)
            run_worker()
            probes += [minute] * (len(relay.connections) - before)
        assert probes == [5, 10, 15]
    with SmtpServer() as relay:
        use_relay(app, relay.port)
        clock.forward(minutes=5)
        worker.run_next(Kind.MAIL)
        assert len(relay.messages) == 1
        assert db.read(circuit_breakers.open_breakers) == []
        run_worker()
        assert len(relay.messages) > 1


def test_urgent_mails_have_a_circuit_breaker_of_their_own(app: Flask) -> None:
    for n in range(3):
        queue_invitation(about=f"dn2{n}")
    with CuttingServer("connect") as relay:
        use_relay(app, relay.port)
        run_worker()
        assert [breaker.key for breaker in db.read(circuit_breakers.open_breakers)] == ["mail"]
        verification = queue_verification()
        run_worker()
        assert state(verification) is DeliveryState.PENDING
        assert len(relay.connections) == 4


@ON_SQLITE
def test_four_hours_count_from_the_first_try_of_a_mail(app: Flask, clock: Clock) -> None:
    for n in range(10):
        queue_invitation(about=f"dn2{n}", to=f"{n}@client.example")
    with CuttingServer("connect") as down:
        use_relay(app, down.port)
        run_worker()
        for _ in range(5):
            clock.forward(hours=1)
            run_worker()
        assert len(down.connections) == 8
    last = clock.now - mail_deliveries.GIVE_UP_AFTER
    untried = {entry.id for entry in deliveries() if entry.first_tried_at is None}
    expired = {entry.id for entry in deliveries() if (entry.first_tried_at or clock.now) <= last}
    assert (len(untried), len(expired)) == (2, 4)
    with SmtpServer() as relay:
        relay.is_greylisting = True
        use_relay(app, relay.port)
        clock.forward(minutes=5)
        run_worker()
        assert {
            entry.id for entry in deliveries() if entry.state is DeliveryState.FAILED
        } == expired
        clock.forward(minutes=20)
        run_worker()
    assert {state(entry) for entry in untried} == {DeliveryState.SENT}
