"""The mailbox of a local run: mails that became files, on this machine only."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from portal import config, db
from portal.domain import mail_deliveries
from tests.support.answers import definition_list, links
from tests.support.browser import Browser
from tests.support.mails import deliver_mails, link_in, mails_to
from tests.support.page import text_of
from tests.support.world import AMIR, CARL, EDDIE, NINA, OLGA, Clock, World

Open = Callable[..., Browser]

SUBJECT = "Confirm your willingness to work with the integrator in Test Cloud"


def subjects(client: Browser) -> list[tuple[str, str]]:
    """Subject and recipient of each mail on the page, from top to bottom."""
    found = [e for e in client.page.iter("span") if e.get("class") in ("subject", "to")]
    texts = [text_of(e) for e in found]
    return list(zip(texts[::2], texts[1::2], strict=True))


def test_an_empty_mailbox_says_what_will_be_in_it(browser: Open) -> None:
    client = browser()
    assert client.get("/mailbox").status_code == 200
    assert "No mail yet" in client.text
    assert "Then the mail worker is not running." in client.text


def test_mails_are_listed_and_read_without_signing_in(browser: Open, world: World) -> None:
    deliver_mails()
    client = browser()
    client.get("/mailbox")
    invited = {(SUBJECT, e) for e in (CARL, NINA, "other@else.example")}
    told = {("A customer confirmed", e) for e in (OLGA, AMIR, EDDIE)}
    assert set(subjects(client)) == invited | told
    client.click(next(text for text in links(client) if CARL in text))
    assert text_of(next(client.page.iter("h1"))) == SUBJECT
    assert definition_list(client)["To"] == CARL
    assert definition_list(client)["Written"] == "2 Mar 2026, 09:00:00 UTC"
    assert world.carls_subaccount in client.text
    assert "it is only sent once" in client.text.lower()
    for text in (
        "Open the mail’s link",
        f"http://localhost/invite/accept/{world.carls_subaccount}",
    ):
        assert links(client)[text].endswith(f"/invite/accept/{world.carls_subaccount}")


def test_the_newest_mail_stands_on_top(browser: Open, clock: Clock) -> None:
    deliver_mails()
    clock.forward(minutes=5)
    client = browser()
    client.get("/sign-up")
    client.submit("Sign up", name="New", email="new@comer.example")
    client.click("Mailbox")
    assert len(subjects(client)) == 6, "the worker has not been there"
    deliver_mails()
    client.get("/mailbox")
    assert subjects(client)[0] == ("Verify your address for Test Cloud", "new@comer.example")
    client.click(next(text for text in links(client) if "new@comer.example" in text))
    assert link_in(mails_to("new@comer.example")[0]) in links(client)["Open the mail’s link"]


def test_a_hundred_mails_are_shown_at_most(browser: Open, tmp_path: Path) -> None:
    deliver_mails()
    one, *_others = sorted((tmp_path / "mailbox").glob("*.eml"))
    for number in range(105):
        shutil.copy(one, one.with_name(f"out{number:017}.eml"))
    client = browser()
    client.get("/mailbox")
    assert len(subjects(client)) == 100


def test_odd_names_come_through_and_stay_text(browser: Open, world: World) -> None:
    db.write(
        lambda: mail_deliveries.add(
            "invitation",
            about="x",
            to="a@xn--mnchen-3ya.example",
            language="en",
            facts={
                "partner": "Ünï <b>& Söhne</b> محمد",
                "email": "a@münchen.example",
                "subaccount": "dn2" + "0" * 17,
                "cloud": None,
            },
        )
    )
    deliver_mails()
    client = browser()
    client.get("/mailbox")
    client.click(next(text for text in links(client) if "xn--mnchen" in text or "münchen" in text))
    assert "“Ünï <b>& Söhne</b> محمد” wants to look after your clouds" in client.text


def test_a_mail_that_is_not_there_is_not_found(app: Flask, browser: Open, tmp_path: Path) -> None:
    deliver_mails()
    (tmp_path / "secret.eml").write_text("Subject: secret")
    client = browser()
    for ident in ("out" + "0" * 17, "none", "..%2Fsecret", "%2E%2E/secret", "../secret", "%25"):
        assert client.get(f"/mailbox/{ident}").status_code == 404, ident
    assert client.post("/mailbox").status_code == 405


def test_the_mailbox_is_only_for_this_machine(browser: Open) -> None:
    deliver_mails()
    client = browser(OLGA)
    client.get("/mailbox")
    letter = next(href for text, href in links(client).items() if CARL in text)
    for path in ("/mailbox", letter):
        for address, status in (("192.0.2.1", 404), ("127.0.0.1", 200), ("::1", 200)):
            answer = client.get(path, environ_overrides={"REMOTE_ADDR": address})
            assert answer.status_code == status, (path, address)
        assert CARL not in client.get(path, environ_overrides={"REMOTE_ADDR": "10.0.0.1"}).text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_whom_a_proxy_on_this_machine_lets_in_sees_no_mailbox(app: Flask, header: str) -> None:
    answer = app.test_client().get("/mailbox", headers={header: "for=203.0.113.9"})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "settings",
    [
        {"MAIL_SERVER": "relay.test.example"},
        {
            "PORTAL_ENV": "production",
            "EXTERNAL_URL": "https://localhost",
            "MAIL_SERVER": "relay.test.example",
        },
    ],
    ids=["with a relay", "in production"],
)
def test_elsewhere_there_is_no_mailbox(app: Flask, settings: dict[str, str]) -> None:
    assert config.mailbox_dir(config.current()) is None
    client = app.test_client()
    base = config.current().external_url
    assert client.get("/mailbox", base_url=base).status_code == 404
    assert client.get("/sign-in", base_url=base).status_code == 200
    assert "Mailbox" not in client.text  # type: ignore[attr-defined]
