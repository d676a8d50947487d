"""Limits on tries as people meet them: a sentence that says how long, the same for everybody."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest
from flask import Flask

from portal import web
from tests.support.answers import notices
from tests.support.browser import Browser
from tests.support.mails import mails_to
from tests.support.world import CARL, DORA, OLGA, PASSWORD, SAM, Clock

Open = Callable[..., Browser]

NOBODY = "nobody@direct.example"
WRONG = "This did not work. This address and password do not belong together. Try again."
TOO_MANY = "This did not work. There were too many tries. Try again in {} minutes."


def sign_in(client: Browser, email: str, password: str) -> int:
    client.get("/sign-in?switch=1")
    return client.submit("Sign in", form="/sign-in", email=email, password=password).status_code


def use_up(client: Browser, email: str, tries: int = 10) -> None:
    for _ in range(tries):
        assert sign_in(client, email, "a wrong password") == 422
        assert notices(client) == [WRONG]


@pytest.mark.parametrize("email", [DORA, DORA.upper(), NOBODY, "no address", "x" * 300])
def test_the_eleventh_try_is_refused_alike_whether_the_account_exists_or_not(
    browser: Open, email: str
) -> None:
    client = browser()
    use_up(client, email)
    client.get("/sign-in")
    answer = client.submit("Sign in", email=email, password=PASSWORD)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "900")
    assert notices(client) == [TOO_MANY.format(15)]
    assert client.form("/sign-in")["email"] == email
    assert client.get("/console").status_code == 303


def test_the_limit_ends_by_itself(browser: Open, clock: Clock) -> None:
    client = browser()
    use_up(client, DORA)
    clock.forward(minutes=14)
    assert sign_in(client, DORA, PASSWORD) == 429
    assert "Try again in one minute." in client.text
    clock.forward(minutes=1)
    assert sign_in(client, DORA, PASSWORD) == 200
    assert f"Signed in as: {DORA}" in client.text


def test_nobody_else_is_kept_out(browser: Open) -> None:
    client = browser()
    use_up(client, DORA)
    assert sign_in(client, SAM, PASSWORD) == 200


def test_one_ip_address_fails_twenty_times_an_hour(browser: Open, clock: Clock) -> None:
    client = browser()
    for number in range(20):
        assert sign_in(client, f"u{number}@direct.example", PASSWORD) == 422
    assert sign_in(client, OLGA, PASSWORD) == 429
    assert notices(client) == [TOO_MANY.format(60)]
    clock.forward(hours=1)
    assert sign_in(client, OLGA, PASSWORD) == 200


@pytest.mark.parametrize("settings", [{"TRUSTED_PROXIES": "1"}])
def test_a_port_that_a_proxy_adds_makes_no_other_ip_address(browser: Open) -> None:
    client, answers = browser(), []
    for number in range(26):
        client.environ_base["HTTP_X_FORWARDED_FOR"] = f"198.51.100.8:{40001 + number}"
        answers.append(sign_in(client, f"u{number}@direct.example", "a wrong password"))
    assert answers == [422] * 20 + [429] * 6
    client.environ_base["HTTP_X_FORWARDED_FOR"] = "198.51.100.9:40001"
    assert sign_in(client, OLGA, PASSWORD) == 200


def test_the_client_network_is_an_ip_address_however_a_proxy_writes_it() -> None:
    spellings = {
        "198.51.100.8": ("198.51.100.8", "198.51.100.8:40001"),
        "2001:db8::1": ("2001:db8::1", "[2001:db8::1]", "[2001:DB8:0::1]:443"),
        "fe80::1": ("fe80::1%eth0", "[fe80::1%25eth0]:443"),
        str(ip_address("::ffff:198.51.100.8")): (
            "::ffff:198.51.100.8",
            "[::ffff:198.51.100.8]:443",
        ),
        "": ("", "unknown", "_hidden:1", "198.51.100.8:x", "198.51.100.300", "[]:1", "[::1]x"),
    }
    for address, written in spellings.items():
        for spelling in written:
            environ = {"REMOTE_ADDR": spelling}
            with Flask(__name__).test_request_context(environ_overrides=environ):
                assert web.client_network() == address, spelling


def test_a_whole_office_signs_in_from_one_ip_address(browser: Open) -> None:
    for _ in range(25):
        assert sign_in(browser(), OLGA, PASSWORD) == 200


def test_the_prompt_of_a_session_that_is_signed_in_has_the_limit(
    browser: Open, clock: Clock
) -> None:
    client, page = browser(DORA), "/sign-in/confirm"
    clock.forward(minutes=11)
    for _ in range(10):
        client.get(page)
        assert client.submit("Confirm", password="a wrong password").status_code == 422
        assert "This is not your password." in client.text
    answer = client.submit("Confirm", password=PASSWORD)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "900")
    assert "Try again in 15 minutes." in client.text
    assert sign_in(browser(), DORA, PASSWORD) == 429, "they count together"
    clock.forward(minutes=15)
    client.get(page)
    assert client.submit("Confirm", password=PASSWORD).request.path == "/console"


def ask_for(client: Browser, page: str, email: str) -> int:
    client.get(page)
    name = {"name": "New"} if page == "/sign-up" else {}
    return client.submit(form=page, email=email, **name).status_code


@pytest.mark.parametrize("page", ["/forgot", "/sign-up"])
@pytest.mark.parametrize("email", [CARL, NOBODY])
def test_an_address_gets_three_mails_an_hour_whether_it_has_an_account_or_not(
    browser: Open, clock: Clock, page: str, email: str
) -> None:
    client = browser()
    assert [ask_for(client, page, email) for _ in range(4)] == [200, 200, 200, 429]
    assert "Too many mails were asked for." in client.text
    assert "in 60 minutes" in client.text
    sent = len(mails_to(email))
    clock.forward(hours=1)
    assert ask_for(client, page, email) == 200
    has_mail = page == "/sign-up" or email == CARL
    assert len(mails_to(email)) == sent + has_mail


@pytest.mark.parametrize("page", ["/forgot", "/sign-up"])
def test_one_ip_address_asks_for_twenty_mails_an_hour(browser: Open, page: str) -> None:
    client = browser()
    answers = [ask_for(client, page, f"u{number}@client.example") for number in range(21)]
    assert answers == [200] * 20 + [429]
