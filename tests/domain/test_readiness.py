"""What counts as unwell, and when operators get a mail about it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from portal import db, processes
from portal.domain import alerts, circuit_breakers, heartbeats, identity, jobs, readiness
from portal.domain import mail_deliveries as deliveries
from portal.domain.actors import COMMAND
from portal.domain.heartbeats import ProcessKind
from portal.domain.jobs import Job, Kind, Outcome, State
from portal.domain.mail_deliveries import MailDelivery
from portal.domain.readiness import Cause
from portal.processes import Process
from tests.support import mail_deliveries
from tests.support.relay import clear_mails
from tests.support.world import DORA, EDDIE, Clock, user


@pytest.fixture(autouse=True)
def _well(app: Flask) -> None:
    clear_mails()
    beat()


def beat() -> None:
    db.write(lambda: heartbeats.beat(processes.this(), ProcessKind.WORKER, version="1"))


def causes() -> list[tuple[str, str]]:
    beat()
    return [(it.cause, it.kind) for it in db.read(readiness.problems)]


def fail_calls(kind: str, times: int) -> None:
    for _ in range(times):
        db.write(lambda: circuit_breakers.record_failure(kind, "timed out"))


def alert_mails() -> list[tuple[str, str, list[list[str]]]]:
    """Recipient, lane and problems of the mails to operators."""

    def load() -> list[tuple[str, str, list[list[str]]]]:
        mails = db.session.query(MailDelivery).filter_by(kind=alerts.MAIL)
        return [
            (mail.recipient, jobs.kind_of(f"mail:{mail.id}"), mail.facts["problems"])
            for mail in mails.order_by(MailDelivery.id)
        ]

    return db.read(load)


def test_an_installation_at_work_has_no_problem(app: Flask) -> None:
    assert causes() == []


def test_without_a_workers_sign_of_life_for_a_minute_no_worker_is_running(
    app: Flask, clock: Clock
) -> None:
    seen_at = db.read(lambda: heartbeats.alive()[0].seen_at)
    clock.forward(seconds=59)
    assert db.read(readiness.problems) == []
    clock.forward(seconds=1)
    assert db.read(readiness.problems) == [(Cause.NO_WORKER, "", seen_at)]
    db.write(lambda: heartbeats.beat(Process("web", "web", 2, ""), ProcessKind.WEB, version="1"))
    assert [it.cause for it in db.read(readiness.problems)] == [Cause.NO_WORKER]


def test_a_worker_that_has_ended_is_missed_at_once(app: Flask) -> None:
    db.write(lambda: heartbeats.end(processes.this().id))
    assert [it.cause for it in db.read(readiness.problems)] == [Cause.NO_WORKER]


def test_a_due_job_that_waits_for_too_long_is_overdue(app: Flask, clock: Clock) -> None:
    mail_deliveries.queue()
    clock.forward(minutes=14, seconds=59)
    assert causes() == []
    clock.forward(seconds=1)
    assert causes() == [(Cause.OVERDUE, Kind.MAIL)]


def test_a_job_that_is_not_due_is_not_overdue(app: Flask, clock: Clock) -> None:
    db.write(lambda: jobs.add(Kind.IMPORTS, key="import:x", subject=("import", "x")))
    later = clock.now + timedelta(days=1)
    db.write(lambda: jobs.claim_next(Kind.IMPORTS))
    token = db.read(lambda: db.session.query(Job).filter_by(key="import:x").one().token)
    db.write(lambda: jobs.finish("import:x", token, Outcome(State.WAITING, run_at=later)))
    clock.forward(hours=5)
    assert causes() == []


def test_a_call_without_an_answer_for_half_a_minute_is_slow_while_it_goes_on(
    app: Flask, clock: Clock
) -> None:
    mail_deliveries.queue()
    mail_deliveries.claim_entry()
    clock.forward(seconds=29)
    assert causes() == []
    clock.forward(seconds=1)
    assert causes() == [(Cause.SLOW_CALL, Kind.MAIL)]
    clock.forward(minutes=5)
    assert causes() == [], "its worker is gone"


def test_three_calls_in_a_row_without_an_answer_open_the_breaker(app: Flask) -> None:
    fail_calls(Kind.MAIL, 2)
    assert causes() == []
    fail_calls(Kind.MAIL, 1)
    assert causes() == [(Cause.NO_ANSWER, Kind.MAIL)]
    db.write(lambda: circuit_breakers.record_answer(Kind.MAIL))
    assert causes() == []


def test_the_doctors_finding_is_a_problem_until_it_finds_nothing(app: Flask) -> None:
    db.write(
        lambda: jobs.add_recurring(
            Kind.UPKEEP, key=readiness.DOCTOR_KEY, subject=("upkeep", "doctor")
        )
    )
    for count, found in ((2, [(Cause.DOCTOR, Kind.UPKEEP)]), (0, [])):
        facts = {"problems": count}
        change = update(Job).where(Job.key == readiness.DOCTOR_KEY).values(facts=facts)
        db.write(lambda change=change: db.session.execute(change))
        assert causes() == found


def test_operators_get_one_mail_about_a_problem_by_a_kind_that_is_well(
    app: Flask, clock: Clock
) -> None:
    db.write(lambda: identity.make_operator(user(DORA), by=COMMAND))
    fail_calls(Kind.MAIL_NOW, 3)
    assert [it.cause for it in db.write(alerts.update_alerts)] == [Cause.NO_ANSWER]
    assert db.write(alerts.update_alerts) == []
    wanted = [[Cause.NO_ANSWER, Kind.MAIL_NOW]]
    assert [mail[1:] for mail in alert_mails()] == [(Kind.MAIL, wanted)] * len(operators())
    assert DORA in {mail[0] for mail in alert_mails()}
    assert EDDIE not in {mail[0] for mail in alert_mails()}


def operators() -> list[str]:
    return db.read(
        lambda: [u.email for u in db.session.query(identity.User).filter_by(is_operator=True)]
    )


def test_a_problem_that_comes_and_goes_is_mailed_once_an_hour(app: Flask, clock: Clock) -> None:
    db.write(lambda: identity.make_operator(user(DORA), by=COMMAND))
    for minutes, mails in ((0, 1), (5, 1), (56, 2)):
        clock.forward(minutes=minutes)
        deliver_alerts()
        beat()
        fail_calls(Kind.MAIL, 3)
        assert [it.cause for it in db.write(alerts.update_alerts)] == [Cause.NO_ANSWER]
        assert len(alert_mails()) == mails * len(operators())
        db.write(lambda: circuit_breakers.record_answer(Kind.MAIL))
        assert db.write(alerts.update_alerts) == []


def deliver_alerts() -> None:
    while (mail := db.write(deliveries.claim_next)) is not None:
        token = mail.token or ""
        db.write(lambda: deliveries.record_refused(mail.id, token, "550 no"))  # noqa: B023


def test_without_operators_there_is_nobody_to_mail(app: Flask) -> None:
    db.write(lambda: db.session.execute(update(identity.User).values(is_operator=False)))
    fail_calls(Kind.MAIL, 3)
    assert len(db.write(alerts.update_alerts)) == 1
    assert alert_mails() == []
