"""A forgotten password: the same page for all, a link for an hour and for one new password."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal import db
from portal.domain import identity, workflows
from portal.domain.actors import COMMAND
from tests.support.answers import csrf_token, errors, links, notices, stored_rows
from tests.support.browser import Browser
from tests.support.mails import link_in, mails_to, plain_text
from tests.support.odd_inputs import BAD_ADDRESSES
from tests.support.world import DORA, OLGA, PASSWORD, SAM, Clock, user

Open = Callable[..., Browser]

SECRET = "a fine long password"


def ask(client: Browser, email: str = DORA) -> None:
    client.get("/sign-in?switch=1")
    client.click("Forgotten your password?")
    assert client.submit("Send link", email=email).status_code == 200, client.text


def link_for(email: str = DORA) -> str:
    return link_in(mails_to(email)[-1])


def choose(client: Browser, link: str, password: str = SECRET, again: str | None = None) -> int:
    client.get(link)
    answer = client.submit(
        "Change password", password=password, password_again=password if again is None else again
    )
    return answer.status_code


def opens(email: str, password: str) -> bool:
    return identity.check_password(email, password) is not None


def test_who_forgot_the_password_chooses_a_new_one_and_is_signed_in(browser: Open) -> None:
    client = browser()
    ask(client)
    (letter,) = mails_to(DORA)
    assert letter["Subject"] == "Choose a new password for Test Cloud"
    assert choose(client, link_in(letter)) == 200
    assert "Your password is changed, and you are signed in." in client.text
    assert f"Signed in as: {DORA}" in client.text
    assert opens(DORA, SECRET)
    assert not opens(DORA, PASSWORD)


def resets_to(email: str) -> list[str]:
    """The subjects of the mails with which somebody could choose a password."""
    subjects = [str(letter["Subject"]) for letter in mails_to(email)]
    return [subject for subject in subjects if "password" in subject]


def test_the_answer_is_the_same_whoever_asks(browser: Open) -> None:
    def leave() -> None:
        workflows.disable_user(user(OLGA), by=COMMAND, heir=user(SAM))

    db.write(leave)
    pages = set()
    for email in (DORA, "nobody@direct.example", OLGA):
        client = browser()
        ask(client, email)
        pages.add(client.text.replace(email, "…"))
    assert len(pages) == 1
    assert "If … has an account here, a mail is on its way there." in pages.pop()
    assert len(resets_to(DORA)) == 1
    assert mails_to("nobody@direct.example") == []
    assert not resets_to(OLGA), "a disabled user has nothing to choose"


def test_asking_ends_no_session_and_keeps_the_password(browser: Open) -> None:
    dora = browser(DORA)
    ask(browser())
    assert dora.get("/console").status_code == 200
    assert opens(DORA, PASSWORD)


def test_opening_the_link_changes_nothing_however_often(browser: Open) -> None:
    client = browser()
    ask(client)
    link = link_for()
    before = stored_rows()
    for _ in range(3):
        assert client.get(link).status_code == 200
        assert client.head(link).status_code == 200
    assert stored_rows() == before


def test_a_new_password_ends_every_session(browser: Open) -> None:
    first, second, client = browser(DORA), browser(DORA), browser()
    ask(client)
    choose(client, link_for())
    for signed_out in (first, second):
        assert signed_out.get("/console").status_code == 303


def test_a_link_works_once(browser: Open) -> None:
    client = browser()
    ask(client)
    link = link_for()
    choose(client, link)
    before = stored_rows()
    for again in (client, browser()):
        assert again.get(link).status_code == 404
        assert "This link no longer works" in again.text
        assert {"Sign in", "Ask for a new link"} <= links(again).keys()
        data = {"csrf_token": csrf_token(again), "password": "x" * 12, "password_again": "x" * 12}
        assert again.post(link, data=data).status_code == 404
    assert stored_rows() == before


def test_of_two_browsers_with_one_link_the_first_wins(browser: Open) -> None:
    first, second = browser(), browser()
    ask(first)
    link = link_for()
    second.get(link)
    choose(first, link)
    answer = second.submit("Change password", password="x" * 12, password_again="x" * 12)
    assert answer.status_code == 404
    assert opens(DORA, SECRET)


def test_every_link_dies_when_the_password_changes(browser: Open) -> None:
    client = browser()
    ask(client)
    ask(client)
    first, second = (link_in(letter) for letter in mails_to(DORA))
    choose(client, second)
    assert client.get(first).status_code == 404


def test_a_link_lasts_an_hour(browser: Open, clock: Clock) -> None:
    client = browser()
    ask(client)
    link = link_for()
    clock.forward(minutes=59)
    assert client.get(link).status_code == 200
    clock.forward(minutes=2)
    answer = client.submit("Change password", password=SECRET, password_again=SECRET)
    assert answer.status_code == 404
    assert opens(DORA, PASSWORD)


def test_a_link_that_was_cut_changed_or_of_another_kind_is_no_link(browser: Open) -> None:
    client = browser()
    ask(client)
    link = link_for()
    client.get("/sign-up")
    client.submit("Sign up", name="N", email="new@comer.example")
    verification = link_for("new@comer.example").replace("/verify/", "/forgot/")
    for wrong in (link[:-5], link[:20] + "x" + link[21:], "/forgot/x", verification, link + "é"):
        assert client.get(wrong).status_code == 404, wrong


def test_a_disabled_users_link_is_over(browser: Open) -> None:
    client = browser()
    ask(client)
    link = link_for()
    db.write(lambda: workflows.disable_user(user(DORA), by=COMMAND, heir=user(SAM)))
    assert client.get(link).status_code == 404


PASSWORDS = {
    "short": ("123456789", None, "password", "at least 10"),
    "long": ("x" * 201, None, "password", "at most 200"),
    "10,000 characters": ("x" * 10_000, None, "password", "at most 200"),
    "the address": (DORA.upper(), None, "password", "without your name, your address"),
    "two different": (SECRET, SECRET + "x", "password_again", "differ"),
    "none": ("", None, "password", "required"),
    "one only": (SECRET, "", "password_again", "required"),
}


@pytest.mark.parametrize(("password", "again", "field", "what"), PASSWORDS.values(), ids=PASSWORDS)
def test_a_password_that_does_not_do_is_refused_at_its_field(
    browser: Open, password: str, again: str | None, field: str, what: str
) -> None:
    client = browser()
    ask(client)
    link = link_for()
    before = stored_rows()
    assert choose(client, link, password, again) == 422
    assert what in errors(client)[field]
    assert stored_rows() == before
    assert choose(client, link) == 200


@pytest.mark.parametrize(
    "password", ["pass\x00word phrase", "пароль из слов", "🚀🌵🎺🦜🧀🪁🐙🍋🧲🎃"]
)
def test_any_characters_make_a_password(browser: Open, password: str) -> None:
    client = browser()
    ask(client)
    assert choose(client, link_for(), password) == 200
    assert opens(DORA, password)


@pytest.mark.parametrize(
    ("email", "what"),
    [pair for name, pair in BAD_ADDRESSES.items() if not {*pair[0]} & {*"\x00\x07\r\n"}],
)
@pytest.mark.parametrize("kind", ["sqlite"])
def test_an_address_that_is_none_is_refused_at_its_field(
    browser: Open, email: str, what: str
) -> None:
    client = browser()
    before = stored_rows()
    client.get("/forgot")
    assert client.submit("Send link", email=email).status_code == 422
    assert what in errors(client)["email"]
    assert client.form("/forgot")["email"] == email
    assert stored_rows() == before


def test_a_stale_form_says_so_and_sends_nothing(browser: Open) -> None:
    client = browser()
    answer = client.post("/forgot", data={"csrf_token": "stale", "email": DORA})
    assert answer.status_code == 422
    assert "press the button again" in notices(client)[0]
    assert mails_to(DORA) == []


def test_the_mail_says_nothing_personal_but_the_link(browser: Open) -> None:
    ask(browser())
    words = plain_text(mails_to(DORA)[0])
    assert "Dora" not in words
    assert user(DORA).password_hash not in words


def test_who_is_signed_in_as_another_is_told_and_is_the_other_then(browser: Open) -> None:
    olga = browser(OLGA)
    ask(olga)
    olga.get(link_for())
    assert f"You are signed in as {OLGA} in this browser; that ends then." in olga.text
    choose(olga, link_for())
    assert f"Signed in as: {DORA}" in olga.text


def test_the_link_lets_in_who_is_kept_out_by_tries_that_others_used_up(browser: Open) -> None:
    client, other = browser(), browser()
    for _ in range(10):
        other.get("/sign-in")
        other.submit("Sign in", email=DORA, password="a wrong password")
    ask(client)
    assert choose(client, link_for()) == 200
    assert f"Signed in as: {DORA}" in client.text
