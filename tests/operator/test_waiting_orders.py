"""An order that waits for an operator is shown wherever operators look, until it is settled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal import db, processes
from portal.domain import alerts, heartbeats, jobs, readiness
from portal.domain.connections import Connection
from portal.domain.heartbeats import ProcessKind
from portal.domain.jobs import Kind, OrderKind, Outcome, State
from portal.domain.mail_deliveries import MailDelivery
from portal.domain.readiness import Cause
from portal.providers.contract import NeedsPerson, Never
from tests.support.answers import links
from tests.support.browser import Browser
from tests.support.clouds import create_cloud
from tests.support.orders import claim_order, job, queue_order
from tests.support.pretended_cloud import PretendedCloud, run_orders, use_pretended
from tests.support.relay import clear_mails
from tests.support.world import DORA, Clock

Open = Callable[..., Browser]
PROBLEM = [["needs-person", "clouds"]]


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> None:
    clear_mails()
    db.write(lambda: heartbeats.beat(processes.this(), ProcessKind.WORKER, version="1"))


@pytest.fixture
def there(app: Flask, monkeypatch: pytest.MonkeyPatch) -> PretendedCloud:
    return use_pretended(monkeypatch)


def alert_mails() -> list[object]:
    db.write(alerts.update_alerts)
    query = db.session.query(MailDelivery).filter_by(kind=alerts.MAIL, recipient=DORA)
    return db.read(lambda: [mail.facts["problems"] for mail in query])


def causes() -> list[tuple[str, str]]:
    return [(it.cause, it.kind) for it in db.read(readiness.problems)]


def shown(client: Browser) -> list[bool]:
    """Whether the order is shown: in the banner, on *Work*, on *To carry out*, on *Connections*
    and on the connection's page, and to who watches."""
    connection = db.read(lambda: db.session.query(Connection).filter_by(name="Frankfurt").one().id)
    pages = {
        "/operator/work": "Clouds Waits for an operator",
        "/operator/to-carry-out": "1 order to a connection waits for an operator.",
        "/operator/connections": "To carry out: 1",
        f"/operator/connections/{connection}": "To carry out 1",
    }
    found = ["Clouds: an order waits for an operator." in client.get("/operator/work").text]
    for path, words in pages.items():
        client.get(path)
        found.append(words in " ".join(" ".join(client.page.itertext()).split()))
    return [*found, "needs-person" in client.get("/readyz").text]


@pytest.mark.parametrize("refusal", [NeedsPerson("http-url-wrong"), Never("no room")])
def test_an_order_that_waits_for_an_operator_is_shown_and_mailed_once(
    there: PretendedCloud, browser: Open, refusal: Exception
) -> None:
    create_cloud(DORA)
    dora = browser(DORA)
    assert (shown(dora), alert_mails()) == ([False] * 6, [])
    there.fail(refusal)
    run_orders()
    assert shown(dora) == [True] * 6
    assert (alert_mails(), alert_mails()) == ([PROBLEM], [PROBLEM])
    dora.get("/operator/to-carry-out")
    assert "Nothing to carry out" not in dora.text
    dora.click("Show orders")
    dora.get(next(href for href in links(dora).values() if href.endswith("/run-again")))
    dora.submit("Run again")
    run_orders()
    assert shown(dora) == [False] * 6


def test_an_order_that_a_newer_one_follows_waits_for_nobody(app: Flask, clock: Clock) -> None:
    def fail(kind: OrderKind) -> None:
        order = job(claim_order(kind))
        db.write(lambda: jobs.finish(order.key, order.token, Outcome(State.FAILED)))

    fail(OrderKind.RECONCILE)
    assert causes() == [], "the clock orders it again"
    fail(OrderKind.ENSURE)
    assert causes() == [(Cause.NEEDS_PERSON, Kind.CLOUDS)]
    queue_order(OrderKind.CHANGE)
    assert causes() == [(Cause.NEEDS_PERSON, Kind.CLOUDS)], "it is for something else"
    queue_order(OrderKind.ENSURE)
    assert causes() == []
