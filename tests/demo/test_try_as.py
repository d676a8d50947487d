"""*Try as*: one press signs in as one of the demonstration's people, on this machine only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from portal import config, db
from portal.demo.people import CARL, OLGA, PASSWORD, PEOPLE, VERA, Directory
from portal.domain import identity
from tests.support.browser import Browser
from tests.support.page import text_of

Open = Callable[..., Browser]

pytestmark = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


@pytest.fixture
def demonstration(app: Flask) -> None:
    """The demonstration's people."""
    directory = Directory(identity.hash_password(PASSWORD))
    db.write(lambda: [directory.sign_up(email) for email in PEOPLE])


def offered(client: Browser, **request: Any) -> list[str]:
    """The names on the buttons of the sign-in page."""
    client.get("/sign-in", **request)
    return [text_of(b) for b in client.page.iter("button") if b.get("name") == "person"]


def post(client: Browser, **request: Any) -> TestResponse:
    return client.post("/try-as", data={"person": OLGA}, **request)


@pytest.mark.usefixtures("demonstration")
def test_one_press_signs_in_and_counts_as_a_recent_password(browser: Open) -> None:
    client = browser()

    assert offered(client) == [name for name, _description in PEOPLE.values()]
    client.submit("Carl Lindqvist")
    client.get("/profile/password")

    assert CARL in client.text
    assert urlsplit(client.url).path == "/profile/password"


@pytest.mark.usefixtures("demonstration")
def test_it_leads_to_the_page_that_asked_for_sign_in(browser: Open) -> None:
    client = browser()
    client.get("/console/billing", follow_redirects=True)

    client.submit("Olga Brandt")

    assert urlsplit(client.url).path == "/console/billing"
    assert OLGA in client.text


@pytest.mark.usefixtures("demonstration")
def test_a_person_with_another_password_now_is_refused(browser: Open) -> None:
    client = browser()
    offered(client)

    def change_password() -> None:
        user = identity.user_by_email(VERA)
        assert user is not None
        user.password_hash = identity.hash_password("another password")

    db.write(change_password)

    assert client.submit("Vera Lind").status_code == 422
    assert "This address and password do not belong together" in client.text


def test_nobody_is_offered_where_the_demonstration_made_nothing(browser: Open) -> None:
    client = browser()

    assert offered(client) == []
    assert post(client).status_code == 404


@pytest.mark.usefixtures("demonstration")
@pytest.mark.parametrize(
    "request_",
    [
        {"headers": {"X-Forwarded-For": "127.0.0.1"}},
        {"headers": {"Forwarded": "for=127.0.0.1"}},
        {"headers": {"X-Real-IP": "127.0.0.1"}},
        {"environ_overrides": {"REMOTE_ADDR": "192.0.2.1"}},
    ],
)
def test_nobody_is_offered_to_other_machines_and_proxies(
    browser: Open, request_: dict[str, Any]
) -> None:
    client = browser()

    assert offered(client, **request_) == []
    assert post(client, **request_).status_code == 404


@pytest.mark.usefixtures("demonstration")
@pytest.mark.parametrize(
    "settings",
    [
        {"EXTERNAL_URL": "http://portal.test.example"},
        {
            "PORTAL_ENV": "production",
            "EXTERNAL_URL": "https://localhost",
            "MAIL_SERVER": "relay.test.example",
        },
    ],
)
def test_nobody_is_offered_where_other_machines_may_come(
    app: Flask, settings: dict[str, str]
) -> None:
    client, base = app.test_client(), config.current().external_url

    assert "Olga Brandt" not in client.get("/sign-in", base_url=base).text
    assert client.post("/try-as", base_url=base, data={"person": OLGA}).status_code in (404, 405)
