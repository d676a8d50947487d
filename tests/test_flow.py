"""The main job, once, as it happens: real SMTP server, real mail, followed by the customer."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage

import pytest
from flask import Flask

from portal import db, worker
from portal.domain.accounts import BillingAccount
from tests.support.browser import Browser
from tests.support.processes import wait_until
from tests.support.smtp import SmtpServer
from tests.support.world import AMIR, EDDIE, OLGA, World, actor

pytestmark = pytest.mark.both_databases

NEW = "Grace.Hopper@New-Client.example"
GRACE = NEW.casefold()
PASSWORD = "a fine long password"


@pytest.fixture
def relay() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture
def settings(relay: SmtpServer) -> dict[str, str]:
    return {
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": str(relay.port),
        "MAIL_SECURITY": "plain",
        "EXTERNAL_URL": "http://localhost",
    }


@pytest.fixture
def mail_to(app: Flask, relay: SmtpServer) -> Iterator[Callable[[str, int], EmailMessage]]:
    """The worker at work beside the test; `mail_to(address, n)` waits for the nth mail to the
    address and returns it. Threads hand mails over at once, so that they come in any order."""
    stop = threading.Event()

    def work() -> None:
        worker.run(app, stop)

    thread = threading.Thread(target=work)
    thread.start()

    def nth(address: str, number: int) -> EmailMessage:
        def found() -> list[EmailMessage]:
            return [it for it in relay.messages if it["To"].casefold() == address]

        wait_until(lambda: len(found()) >= number, 15)
        return found()[number - 1]

    yield nth
    stop.set()
    thread.join(timeout=20)
    assert not thread.is_alive()


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def link_in(mail: EmailMessage) -> str:
    """The first link of the text part, as a path."""
    found = re.search(r"http://localhost(/(?:invite|verify)/\S+)", text_of(mail))
    assert found is not None, text_of(mail)
    return found[1]


def until_it_reads(browser: Browser, url: str, text: str) -> None:
    """Reload the page, as one who waits, until it has the text; at most ten seconds."""
    for _second in range(50):
        browser.get(url)
        if text in browser.text:
            return
        time.sleep(0.2)
    raise AssertionError(f"{url} never read {text!r}: {browser.text}")


def test_partner_adds_customer_reads_mail_signs_up_confirms_and_both_see_it(
    app: Flask,
    world: World,
    relay: SmtpServer,
    mail_to: Callable[[str, int], EmailMessage],
    browser: Callable[..., Browser],
) -> None:
    # The cast's mails: Carl's, Nina's, another partner's; that Nina confirmed.
    queued = 3 + 3
    partner = browser(OLGA)
    partner.get(f"/partner/{world.north}/customers")
    partner.click("Add customer")
    partner.submit("Add", name="Grace & Co", invitation_email=NEW, country="GB")
    assert "SUBACCOUNT-ACCEPTANCE-REQUIRED" in partner.text
    customer_page = partner.url
    subaccount, cloud = re.findall(r"\b(?:dn2|b1g)[0-9a-v]{17}\b", partner.text)[:2]

    mail = mail_to(GRACE, 1)
    assert mail["Subject"] == "Confirm your willingness to work with the integrator in Test Cloud"
    assert subaccount in link_in(mail)
    until_it_reads(partner, customer_page, "Email handed over for new-client.example")

    customer = browser()
    customer.get(link_in(mail), follow_redirects=True)
    customer.click("Sign up")
    customer.submit("Sign up", name="Grace Hopper", email=NEW.upper())
    customer.get(link_in(mail_to(GRACE, 2)))
    customer.submit("Create account", password=PASSWORD, password_again=PASSWORD)
    assert "Work with North?" in customer.text
    customer.submit("Confirm")
    assert "You confirmed the partnership." in customer.text
    assert subaccount in customer.text
    assert cloud in customer.text

    partner.get(f"/partner/{world.north}/customers")
    assert re.search(r"Grace & Co\W+\S+@new-client\.example Active", partner.text)
    messages = relay.wait_for(queued + 5)
    told = [message["To"] for message in messages if "Grace & Co" in text_of(message)]
    assert sorted(told) == sorted([OLGA, AMIR, EDDIE])
    assert [it["To"].casefold() for it in messages].count(GRACE) == 2, "one invitation, no more"
    found = db.read(lambda: db.find(BillingAccount, subaccount, actor(OLGA)))
    assert found is not None
    assert found.confirmed_at is not None
