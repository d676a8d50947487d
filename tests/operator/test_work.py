"""*Work*: operators see the jobs and what does not answer, and take steps that ask first."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal import db, processes, worker
from portal.domain import (
    circuit_breakers,
    connections,
    heartbeats,
    identity,
    jobs,
    mail_deliveries,
    work,
    workflows,
)
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud
from portal.domain.heartbeats import ProcessKind
from portal.domain.jobs import Job, Kind, OrderKind, Outcome, State
from portal.domain.mail_deliveries import DeliveryState
from portal.processes import Process
from portal.wording import jobs as wording
from tests.support.answers import definition_list, errors, links, notices
from tests.support.browser import Browser
from tests.support.jobs import job_of
from tests.support.mail_deliveries import mark_invitation, queue, settle_invitation
from tests.support.mail_deliveries import state as delivery_state
from tests.support.memberships import (
    add_memberships,
    memberships_of,
    pretend_connection,
    put_on,
)
from tests.support.orders import claim_order, queue_order
from tests.support.work import begun_import
from tests.support.world import DORA, OLGA, SAM, Clock, World, user

Open = Callable[..., Browser]

CARLS = "Invitation of Carl & Sons by North"


@pytest.fixture
def dora(app: Flask, browser: Open) -> Browser:
    """Dora's browser; she is an operator."""
    db.write(lambda: identity.make_operator(user(DORA), by=COMMAND))
    return browser(DORA)


def rows(client: Browser) -> list[str]:
    """The text of each row of the page's first table."""
    table = client.page.find(".//table")
    body = table.findall("./tbody/tr") if table is not None else []
    return [" ".join(" ".join(row.itertext()).split()) for row in body]


def test_an_order_that_takes_access_away_has_no_cancel(
    app: Flask, world: World, dora: Browser
) -> None:
    revoking = queue_order(OrderKind.SUSPEND, world.carls_cloud)
    granting = queue_order(OrderKind.ENSURE, world.carls_cloud)
    dora.get("/operator/work/clouds")
    suspend, create = rows(dora)
    assert suspend.startswith("Suspend the cloud ")
    assert create.startswith("Create the cloud ")
    cancels = [href for href in links(dora).values() if href.endswith("/cancel")]
    assert cancels == [f"/operator/work/jobs/{granting}/cancel"]
    dora.get(f"/operator/work/jobs/{revoking}/cancel")
    assert dora.submit("Cancel job").status_code == 422
    assert "This order takes access away." in dora.text


def test_a_running_job_whose_worker_is_silent_is_shown_as_that(dora: Browser, clock: Clock) -> None:
    claim_order(OrderKind.GRANT)
    db.write(lambda: heartbeats.beat(processes.this(), ProcessKind.WORKER, version="1"))
    dora.get("/operator/work")
    assert any(row.startswith("Clouds Working") for row in rows(dora))
    clock.forward(seconds=31)
    dora.get("/operator/work")
    assert any(row.startswith("Clouds Worker lost") for row in rows(dora))
    assert "has not answered for 30 seconds" not in dora.text
    dora.get("/operator/work/clouds")
    assert "Its worker does not show up any more." in dora.text


def test_all_upkeep_has_words(app: Flask) -> None:
    db.write(worker.queue_upkeep)
    found = db.read(
        lambda: [it.subject_id for it in db.session.query(Job).filter_by(kind="upkeep")]
    )
    assert set(found) <= set(wording.UPKEEP)


def test_an_order_names_the_person_the_cloud_and_the_connection(
    app: Flask, world: World, dora: Browser
) -> None:
    def connect() -> str:
        connection_id = pretend_connection()
        put_on(connection_id, world.doras_cloud)
        add_memberships(SAM, world.doras_cloud)
        return connection_id

    connection_id = db.write(connect)
    (membership,) = memberships_of(SAM)
    queue_order(OrderKind.REVOKE, membership.id, connection_id=connection_id)
    queue_order(OrderKind.ENSURE, world.doras_cloud, connection_id=connection_id)
    name = db.read(lambda: db.session.get_one(Cloud, world.doras_cloud).name)
    dora.get("/operator/work/clouds")
    assert f"Take away the access of Sam Stranger: {name} on Paris" in dora.text
    assert f"Create the cloud {name} on Paris" in dora.text
    connections.configure_keys(list)


def carls_delivery(world: World) -> str:
    delivery = mail_deliveries.latest("invitation", about=world.carls_subaccount)
    assert delivery is not None
    return delivery.id


def park(world: World) -> str:
    """The ID of Carl's invitation mail, whose delivery is unknown."""

    def unit() -> str:
        delivery = mark_invitation(world.carls_subaccount)
        assert mail_deliveries.record_no_reply(delivery.id, delivery.token or "", "")
        return delivery.id

    return db.write(unit)


def test_the_work_is_a_page_of_the_operators(dora: Browser) -> None:
    dora.get("/operator")
    dora.click("Work")
    assert dora.page.findtext(".//h1") == "Work"
    kinds = ["Urgent", "Mail", "Imports", "Usage", "Clouds", "Upkeep"]
    assert [row.split()[0] for row in rows(dora)] == kinds
    assert "No process was seen in the last minute." in dora.text
    dora.click("Feedback")
    assert dora.page.findtext(".//h1") == "Feedback"


def test_everybody_else_finds_nothing(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    for path in ("", "/work", "/work/mail", f"/work/jobs/{world.carls_job}/cancel"):
        assert olga.get(f"/operator{path}").status_code == 404


def test_the_summary_shows_what_waits_and_since_when(
    dora: Browser, world: World, clock: Clock
) -> None:
    dora.get("/operator/work")
    mail = next(row for row in rows(dora) if row.startswith("Mail"))
    assert mail.startswith("Mail Waiting Waiting: ")
    assert mail.endswith("Running: 0 Failed: 0 Parked: 0 Oldest due: 1 h"), mail
    assert dora.get("/operator/work?poll=1", headers={"HX-Request": "true"}).status_code == 200


def test_a_relay_that_does_not_answer_stands_on_top_with_its_last_words(
    dora: Browser, clock: Clock
) -> None:
    for _ in range(circuit_breakers.OPENS_AFTER):
        db.write(lambda: circuit_breakers.record_failure(Kind.MAIL, "421 busy"))
    dora.get("/operator/work")
    (notice,) = [text for text in notices(dora, "warn") if "Mail" in text]
    assert notice.startswith("Mail: no answer since 2 Mar 2026")
    assert notice.endswith("The last fault: 421 busy")
    assert any(row.startswith("Mail Paused") for row in rows(dora))


def test_the_processes_that_are_alive_are_listed(dora: Browser) -> None:
    process = Process("p1", "north-1", 17, "")
    db.write(lambda: heartbeats.beat(process, ProcessKind.WORKER, version="2.0.1"))
    dora.get("/operator/work")
    assert "Worker 17 north-1 2.0.1" in dora.text
    assert "No process" not in dora.text


def test_the_check_of_the_data_has_a_line_of_its_own(dora: Browser) -> None:
    subject = ("upkeep", "doctor")
    db.write(lambda: jobs.add_recurring(Kind.UPKEEP, key="upkeep:doctor", subject=subject))
    dora.get("/operator/work")
    assert "It has not run yet." in dora.text
    db.write(lambda: jobs.claim_next(Kind.UPKEEP))
    found = Outcome(State.WAITING, facts={"problems": 2})
    token = job_of("upkeep:doctor").token
    db.write(lambda: jobs.finish("upkeep:doctor", token, found))
    dora.get("/operator/work")
    assert "It has found 2 rows that break a rule." in dora.text
    dora.get(links(dora)["Run again"])
    dora.submit("Run again")
    assert notices(dora, "success") == ["The job waits for a free worker."]


def test_an_empty_list_says_what_it_means(dora: Browser) -> None:
    for state in work.LISTED_STATES:
        dora.get(f"/operator/work/mail-now?state={state}")
        assert rows(dora) == []
        assert dora.page.find(".//div[@class='empty']/p") is not None


def test_an_unknown_kind_is_no_page(dora: Browser) -> None:
    assert dora.get("/operator/work/none").status_code == 404


def test_a_failed_invitation_shows_the_relays_words_and_no_step(
    dora: Browser, world: World
) -> None:
    db.write(lambda: settle_invitation(world.carls_subaccount, mail_deliveries.record_refused))
    dora.get("/operator/work/mail")
    (row,) = rows(dora)
    assert row.startswith(f"{CARLS} 550 5.1.1 User unknown Tries: 1 2 Mar 2026")
    assert not {"Run again", "Cancel"} & set(links(dora))
    for step, button in (("run-again", "Run again"), ("cancel", "Cancel job")):
        dora.get(f"/operator/work/jobs/{world.carls_job}/{step}")
        assert dora.submit(button).status_code == 422
        assert "An invitation is handed over at most once." in dora.text


def test_a_waiting_invitation_is_cancelled_after_a_question(dora: Browser, world: World) -> None:
    dora.get("/operator/work/mail?state=waiting")
    dora.click(f"Cancel: {CARLS}")
    assert "The partner is notified, and can send it again." in dora.text
    assert delivery_state(carls_delivery(world)) is DeliveryState.PENDING
    dora.submit("Cancel job")
    assert notices(dora, "success") == ["The job is cancelled."]
    assert delivery_state(carls_delivery(world)) is DeliveryState.FAILED
    dora.get("/operator/work/mail?state=failed")
    assert any("an operator of this portal cancelled it" in row for row in rows(dora))


def test_a_cancelled_import_tells_its_partner_why(
    dora: Browser, browser: Open, world: World
) -> None:
    begun_import(world.norths_import)
    dora.get("/operator/work/imports")
    dora.click("Cancel: Import of North")
    dora.submit("Cancel job")
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/customers/import/{world.norths_import}")
    assert "An operator of this portal cancelled the import" in olga.text


def test_a_step_asks_for_the_password_after_ten_minutes(
    dora: Browser, world: World, clock: Clock
) -> None:
    clock.forward(minutes=11)
    answer = dora.get(f"/operator/work/jobs/{world.carls_job}/cancel", follow_redirects=True)
    assert answer.request.path == "/sign-in/confirm"
    dora.submit("Confirm", password="correct horse")
    assert dora.page.findtext(".//h1") == "Cancel this job?"


def test_an_unknown_mail_arrived(dora: Browser, world: World) -> None:
    delivery_id = park(world)
    dora.get("/operator/work/mail")
    assert "The mail server gave no answer after the text was sent." in rows(dora)[0]
    dora.click(f"It arrived: {CARLS}")
    message_id = db.read(lambda: mail_deliveries.get(delivery_id).message_id)
    assert message_id in definition_list(dora)["Message-ID"]
    dora.submit("It arrived")
    assert notices(dora, "success") == ["It is recorded that the email arrived."]
    assert delivery_state(delivery_id) is DeliveryState.ARRIVED


def test_an_unknown_mail_did_not_arrive_for_a_reason(dora: Browser, world: World) -> None:
    delivery_id = park(world)
    dora.get("/operator/work/mail")
    dora.click(f"It did not arrive: {CARLS}")
    dora.submit("It did not arrive")
    assert errors(dora) == {"reason": "Fill this in; it is required."}
    dora.submit("It did not arrive", reason="relay-log")
    assert delivery_state(delivery_id) is DeliveryState.NOT_ARRIVED
    assert db.read(lambda: mail_deliveries.get(delivery_id).code) == "relay-log"


def test_the_list_goes_on_past_a_page(
    dora: Browser, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "PAGE", 1)
    monkeypatch.setattr(work.listing, "PAGE", 1)
    dora.get("/operator/work/mail?state=waiting")
    first = job_links(dora)
    dora.click("Next 50")
    assert len(first) == len(job_links(dora)) == 1
    assert job_links(dora) != first
    dora.click("First page")
    assert job_links(dora) == first


def job_links(client: Browser) -> list[str]:
    return [link.attrib["href"] for link in client.page.iter("a") if link.text == "Run now"]


def test_an_import_that_a_restore_parked_says_what_running_it_again_may_repeat(
    app: Flask, browser: Open, world: World
) -> None:
    db.write(lambda: identity.make_operator(user(DORA), by=COMMAND))
    job = begun_import(world.norths_import)
    db.write(workflows.finish_restore, while_restoring=True)
    olga, dora = browser(OLGA), browser(DORA)
    olga.get(f"/partner/{world.north}/customers/import/{world.norths_import}")
    assert "the portal was restored from a backup. The operator of this portal decides" in olga.text
    dora.get("/operator/work/imports")
    (row,) = rows(dora)
    assert "the portal was restored from a backup; this may have been done since" in row
    dora.click("Run again: Import of North")
    assert "each of them gets a second invitation by email." in dora.text
    dora.submit("Run again")
    assert job_of(job.key).state is State.WAITING
    olga.get(olga.url)
    assert "The operator of this portal decides" not in olga.text


def test_a_mail_that_a_restore_parked_is_sent_or_cancelled_by_the_operator(
    app: Flask, browser: Open
) -> None:
    db.write(lambda: identity.make_operator(user(DORA), by=COMMAND))
    first, second = (queue(about, once=False) for about in ("first", "second"))
    db.write(workflows.finish_restore, while_restoring=True)
    dora = browser(DORA)
    for delivery_id, step, button, words in (
        (first, "run-again", "Run again", "If this mail was sent after that backup"),
        (second, "cancel", "Cancel job", "The mail is not sent."),
    ):
        job = job_of(f"mail:{delivery_id}")
        assert job.state is State.PARKED
        dora.get(f"/operator/work/jobs/{job.id}/{step}")
        assert words in dora.text
        dora.submit(button)
    assert job_of(f"mail:{first}").state is State.WAITING
    assert delivery_state(first) is DeliveryState.PENDING
    assert delivery_state(second) is DeliveryState.CANCELLED
