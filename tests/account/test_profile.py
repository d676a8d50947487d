"""The profile: name, language, time zone, password and sessions, and what holds afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal import db
from portal.account.profile import browser_name
from portal.domain import identity, values
from portal.domain.identity import User, UserSession
from portal.domain.mail_deliveries import MailDelivery
from tests.support.answers import csrf_token, errors, notices, stored_rows
from tests.support.browser import Browser
from tests.support.odd_inputs import INVISIBLE, LONG, UNUSUAL_NAMES
from tests.support.page import text_of as text_in
from tests.support.world import DORA, PASSWORD, SAM, VERA, Clock, actor, user

Open = Callable[..., Browser]

SECRET = "a fine long password"
UNSHOWN = {*"\x00\x07\x1b\x85\uffff\r\n"}
"""Characters that no field shows again."""


def save(client: Browser, **fields: str) -> int:
    client.get("/profile")
    return client.submit("Save", **fields).status_code


def change_password(client: Browser, **fields: str) -> int:
    client.get("/profile/password")
    given = {"current_password": PASSWORD, "password": SECRET, "password_again": SECRET}
    return client.submit("Change password", **(given | fields)).status_code


def fresh(email: str) -> User:
    """As committed, not as this test has seen it before."""
    db.session.rollback()
    return user(email)


def is_signed_in(client: Browser) -> bool:
    return client.get("/profile").status_code == 200


def test_the_profile_is_the_first_thing_in_ones_menu(browser: Open) -> None:
    client = browser(VERA)
    client.get("/console")
    (menu,) = [e for e in client.page.iter("details") if "who" in e.get("class", "").split()]
    assert next(link.attrib["href"] for link in menu.iter("a")) == "/profile"


def test_a_name_is_changed(browser: Open) -> None:
    client = browser(DORA)
    assert save(client, name="  Dora  New ") == 200
    assert "Your profile is saved." in client.text
    assert fresh(DORA).name == "Dora New"


def test_odd_names_are_names(browser: Open) -> None:
    client = browser(DORA)
    for name, kept in UNUSUAL_NAMES.values():
        assert save(client, name=name) == 200, name
        assert fresh(DORA).name == (kept or name)


@pytest.mark.parametrize(
    "name", ["", "   ", LONG, *(n for n in INVISIBLE.values() if not {*n} & UNSHOWN)]
)
def test_a_name_that_is_none_is_refused_and_kept_in_the_form(browser: Open, name: str) -> None:
    client = browser(DORA)
    before = stored_rows()
    assert save(client, name=name) == 422
    assert errors(client).keys() == {"name"}
    assert stored_rows() == before


def test_the_languages_are_those_there_is_a_catalogue_of(app: Flask, browser: Open) -> None:
    client = browser(DORA)
    client.get("/profile")
    (choice,) = [e for e in client.page.iter("select") if e.get("name") == "language"]
    offered = {option.attrib["value"]: text_in(option) for option in choice.iter("option")}
    there = {str(one) for one in app.extensions["babel"].instance.list_translations()}
    assert offered.keys() == there
    assert offered["en"] == "English"


def test_another_language_is_refused_at_its_field(browser: Open) -> None:
    client = browser(DORA)
    before = stored_rows()
    for wrong in ("tlh", "", "../en", "x" * 10_000):
        data = {
            "csrf_token": csrf_token(client),
            "name": "Dora",
            "language": wrong,
            "time_zone": "",
        }
        assert client.post("/profile", data=data).status_code == 422
        assert errors(client) == {"language": "Choose one of these languages."}
    assert stored_rows() == before


def test_mails_come_in_the_language_chosen(app: Flask) -> None:
    dora = actor(DORA)
    db.write(lambda: identity.edit_profile(dora, name="Dora", language="ru", time_zone=""))
    db.write(lambda: identity.request_password_reset(values.email(DORA)))
    (mail,) = db.session.query(MailDelivery).filter_by(kind="password-reset")
    assert mail.language == "ru"


def test_a_time_zone_moves_all_times_shown(browser: Open) -> None:
    client = browser(DORA)
    assert save(client, time_zone="Asia/Tokyo") == 200
    assert "19:00" in client.text, "10:00 UTC"
    assert "As this installation: UTC" in client.text
    save(client, time_zone="")
    assert fresh(DORA).time_zone is None
    assert "10:00" in client.text


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "UTC\x00", "x" * 10_000, "é"])
def test_a_time_zone_that_is_none_is_refused(browser: Open, zone: str) -> None:
    client = browser(DORA)
    before = stored_rows()
    data = {"csrf_token": csrf_token(client), "name": "Dora", "language": "en", "time_zone": zone}
    assert client.post("/profile", data=data).status_code == 422
    assert errors(client) == {"time_zone": "Choose a time zone from the list."}
    assert stored_rows() == before


def test_a_stale_form_keeps_what_was_typed(browser: Open) -> None:
    client = browser(DORA)
    data = {"csrf_token": "stale", "name": "Kept", "language": "en", "time_zone": "Asia/Tokyo"}
    assert client.post("/profile", data=data).status_code == 422
    assert "press the button again" in notices(client)[0]
    client.submit("Save")
    assert (fresh(DORA).name, fresh(DORA).time_zone) == ("Kept", "Asia/Tokyo")


def test_what_was_typed_before_the_session_ended_is_shown_again(
    browser: Open, clock: Clock
) -> None:
    client = browser(DORA)
    client.get("/profile")
    clock.forward(hours=1)
    client.submit("Save", name="Kept")
    client.submit("Sign in", email=DORA, password=PASSWORD)
    assert fresh(DORA).name == "Dora Direct"
    client.submit("Save")
    assert fresh(DORA).name == "Kept"


def test_saving_what_is_there_already_writes_nothing(browser: Open) -> None:
    client, before = browser(DORA), stored_rows()
    assert save(client) == 200
    assert stored_rows() == before


def test_a_new_password_ends_the_others_and_this_one_goes_on_with_a_new_id(browser: Open) -> None:
    client, other = browser(DORA), browser(DORA)
    before = db.read(lambda: {row.id for row in db.session.query(UserSession)})
    assert change_password(client) == 200
    assert "all your other sessions are ended" in client.text
    assert is_signed_in(client)
    assert not is_signed_in(other)
    live = db.session.query(UserSession).filter(UserSession.ended_at.is_(None)).all()
    assert len(live) == 1
    assert live[0].id not in before
    assert identity.check_password(DORA, SECRET) is not None
    assert identity.check_password(DORA, PASSWORD) is None


def test_the_old_cookie_is_dead_after_a_new_password(browser: Open) -> None:
    client, thief = browser(DORA), browser()
    cookie = client.get_cookie("portal")
    assert cookie is not None
    thief.set_cookie("portal", cookie.value)
    assert is_signed_in(thief)
    change_password(client)
    thief.set_cookie("portal", cookie.value)
    assert not is_signed_in(thief)


PASSWORDS = {
    "short": ({"password": "123456789", "password_again": "123456789"}, "password", "at least 10"),
    "long": ({"password": LONG, "password_again": LONG}, "password", "at most 200"),
    "the address": (
        {"password": DORA, "password_again": DORA},
        "password",
        "without your name, your address",
    ),
    "two different": ({"password_again": SECRET + "x"}, "password_again", "differ"),
    "none": ({"password": "", "password_again": ""}, "password", "required"),
}


@pytest.mark.parametrize(("fields", "field", "what"), PASSWORDS.values(), ids=PASSWORDS)
def test_a_password_that_does_not_do_is_refused_at_its_field(
    browser: Open, fields: dict[str, str], field: str, what: str
) -> None:
    client = browser(DORA)
    before = stored_rows()
    assert change_password(client, **fields) == 422
    assert what in errors(client)[field]
    assert stored_rows() == before


def test_passwords_are_carried_nowhere_when_the_session_has_ended(
    browser: Open, clock: Clock
) -> None:
    client = browser(DORA)
    client.get("/profile/password")
    clock.forward(hours=1)
    given = {"current_password": PASSWORD, "password": SECRET, "password_again": SECRET}
    answer = client.submit("Change password", **given)
    assert SECRET not in answer.text
    assert PASSWORD not in answer.text


def test_a_new_password_needs_the_current_one_however_recent_the_sign_in(
    browser: Open, clock: Clock
) -> None:
    client = browser(DORA)
    before = stored_rows() | {"tries": []}
    assert change_password(client, current_password="wrong wrong") == 422
    assert errors(client) == {"current_password": "This is not your password. Type it again."}
    for _ in range(9):
        change_password(client, current_password="wrong wrong")
    assert change_password(client) == 429, "tries are limited as at sign-in"
    assert stored_rows() | {"tries": []} == before
    clock.forward(minutes=16)
    assert change_password(client) == 200, "and it is asked for once, not on a page before"
    assert identity.check_password(DORA, SECRET) is not None


def test_sessions_are_listed_with_this_one_marked(browser: Open, clock: Clock) -> None:
    client = browser(DORA)
    clock.forward(minutes=5)
    browser(DORA)
    browser(SAM)
    client.get("/profile")
    assert client.text.count("this one") == 1
    ends = [e for e in client.page.iter("button") if e.get("aria-label", "").startswith("End: ")]
    assert len(ends) == 1


def test_one_session_is_ended_and_no_other(browser: Open) -> None:
    client, second, third = browser(DORA), browser(DORA), browser(DORA)
    client.get("/profile")
    ids = [e.attrib["value"] for e in client.page.iter("input") if e.get("name") == "session"]
    data = {"csrf_token": csrf_token(client), "session": ids[0]}
    client.post("/profile/sessions/end", data=data, follow_redirects=True)
    assert "That session is ended." in client.text
    assert sorted([is_signed_in(second), is_signed_in(third)]) == [False, True]
    assert is_signed_in(client)
    client.post("/profile/sessions/end", data=data, follow_redirects=True)
    assert "That session was over already." in client.text


def test_all_others_are_ended_at_once(browser: Open) -> None:
    client, second, third, sam = browser(DORA), browser(DORA), browser(DORA), browser(SAM)
    client.get("/profile")
    client.submit("End all others")
    assert "All your other sessions are ended." in client.text
    states = [is_signed_in(each) for each in (client, second, third, sam)]
    assert states == [True, False, False, True]
    assert "End all others" not in client.text


@pytest.mark.parametrize("given", ["", "x", "\x00", "x" * 10_000, "foreign"])
def test_nobody_ends_a_session_that_is_not_theirs(browser: Open, given: str) -> None:
    sam, client = browser(SAM), browser(DORA)
    foreign = db.session.query(UserSession).filter_by(user_id=fresh(SAM).id).one().id
    data = {"csrf_token": csrf_token(client), "session": foreign if given == "foreign" else given}
    client.post("/profile/sessions/end", data=data, follow_redirects=True)
    assert "That session was over already." in client.text
    assert is_signed_in(sam)


def test_without_a_token_no_session_is_ended(browser: Open) -> None:
    client, other = browser(DORA), browser(DORA)
    for page in ("end", "end-others"):
        answer = client.post(f"/profile/sessions/{page}", data={}, follow_redirects=True)
        assert "press the button again" in answer.text
    assert is_signed_in(other)


AGENTS = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0": "Firefox, Linux",
    "Mozilla/5.0 (Windows NT 10.0) Chrome/128.0 Safari/537.36 Edg/128.0": "Edge, Windows",
    "Mozilla/5.0 (Linux; Android 14) Chrome/128.0 Mobile Safari/537.36": "Chrome, Android",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Safari/604.1": "Safari, iPhone",
    "curl/8.0": "curl/8.0",
}


@pytest.mark.parametrize(("agent", "name"), AGENTS.items())
def test_a_browser_is_called_as_people_call_it(agent: str, name: str) -> None:
    assert browser_name(agent) == name


def test_markup_in_a_browsers_name_stays_text(browser: Open) -> None:
    client = browser()
    client.environ_base["HTTP_USER_AGENT"] = '"><script>alert(1)</script>'
    client.get("/sign-in")
    client.submit("Sign in", email=DORA, password=PASSWORD)
    answer = client.get("/profile")
    assert "<script>alert" not in answer.text
    assert "<script>alert(1)</script>" in client.text
