"""The operator's *Home*: operators arrive there, and read what needs a person."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal import config, db
from portal.domain import mail_deliveries, usage
from portal.domain.actors import COMMAND
from portal.domain.usage import Delivery, Mode, State
from tests.support.answers import links
from tests.support.browser import Browser
from tests.support.clouds import create_cloud
from tests.support.connections import use_manual
from tests.support.mail_deliveries import claim_entry, mark_transmitting, queue, record_outcome
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import DORA, OLGA, PASSWORD, Clock, World

Open = Callable[..., Browser]


@pytest.mark.parametrize(("onward", "title"), [("", "Needs a person"), ("/console", "Home")])
def test_an_operator_who_signs_in_arrives_at_what_needs_a_person(
    app: Flask, browser: Open, onward: str, title: str
) -> None:
    appoint_operator()
    dora = browser()
    dora.get(f"/sign-in?next={onward}")
    dora.submit("Sign in", email=DORA, password=PASSWORD)
    assert title in dora.text
    dora.click("Operator")
    assert {"Work", "Connections", "People", "To carry out", "Usage"} <= set(links(dora))


def test_what_needs_a_person_is_listed_with_its_page_and_its_age(
    app: Flask, browser: Open, world: World, clock: Clock
) -> None:
    appoint_operator()
    use_manual()
    create_cloud(DORA)
    clock.forward(hours=2)
    dora = browser(DORA)
    dora.get("/operator")
    assert "To carry out 1 2 h" in dora.text
    dora.click("To carry out")
    assert "Create a cloud with this name" in dora.text


def test_staged_deliveries_are_counted_beyond_the_newest_page_of_them(
    app: Flask, browser: Open
) -> None:
    appoint_operator()

    def unit() -> None:
        source = usage.add_source("Vendor", by=COMMAND)
        own = {"source_id": source.id, "mode": Mode.APPEND, "created_by": COMMAND.id}
        db.session.add_all(
            Delivery(id=db.new_id("dlv"), state=State.STAGED, created_at=db.now(), **own)
            for _number in range(usage.PAGE + 1)
        )

    dora = browser(DORA)
    dora.get("/operator")
    assert "Deliveries to publish or discard 1" in dora.text
    db.write(unit)
    dora.get("/operator")
    assert f"Deliveries to publish or discard {usage.PAGE + 2}" in dora.text
    assert dora.text.count("Vendor To be published €0.00 0 s") == 1, "the newest of each source"


def test_the_state_of_the_installation_is_beside_it(
    app: Flask, browser: Open, world: World, clock: Clock
) -> None:
    appoint_operator()
    clear_mails()
    queue()
    queue("dn2second")
    claimed = claim_entry()
    mark_transmitting(claimed)
    record_outcome(mail_deliveries.record_sent, claimed)
    dora = browser(DORA)
    dora.get("/operator")
    said = dora.text
    assert "3 partners, 3 customers, 4 clouds." in said
    assert "Mail Waiting Oldest due: 0 s" in said
    assert "Portal Open" in said
    assert "Handed over 1 Waiting 1 Not delivered 0 Unknown 0" in said
    assert f"Version {config.version()}" in said
    clock.forward(hours=25)
    dora = browser(DORA)
    dora.get("/operator")
    assert "Handed over 0" in dora.text


def test_nobody_else_has_a_link_to_it(app: Flask, browser: Open) -> None:
    olga = browser(OLGA)
    olga.get("/console")
    assert "Operator" not in links(olga)
    assert olga.get("/operator").status_code == 404
