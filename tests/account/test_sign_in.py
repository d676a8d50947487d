"""Sign in, sign in as someone else, sign out: sessions, and what is carried across them."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import select

from portal import db
from portal.domain.clouds import Cloud
from portal.domain.identity import SavedForm, UserSession
from tests.support.answers import csrf_token, errors, links, notices, stored_rows
from tests.support.browser import Browser
from tests.support.odd_inputs import LONG, rendered
from tests.support.world import CARL, DORA, OLGA, PASSWORD, SAM, TINA, VERA, Clock, World, user

Open = Callable[..., Browser]

WRONG = "This address and password do not belong together. Try again."


def sign_in(client: Browser, email: str, password: str = PASSWORD, *, target: str = "/") -> int:
    """Fill in the sign-in form; the status of what it leads to."""
    client.get("/sign-in", query_string={"next": target, "switch": "1"})
    return client.submit("Sign in", email=email, password=password).status_code


def session_of(client: Browser) -> str:
    cookie = client.get_cookie("portal")
    assert cookie is not None
    return cookie.value


def is_signed_in(client: Browser, email: str) -> bool:
    return client.get("/console").status_code == 200 and f"Signed in as: {email}" in client.text


@pytest.mark.parametrize(
    ("email", "start"), [(OLGA, "/partner"), (TINA, "/partner"), (DORA, "/console")]
)
def test_signing_in_leads_to_where_one_works(
    browser: Open, world: World, email: str, start: str
) -> None:
    client = browser()
    assert sign_in(client, email) == 200
    assert f"Signed in as: {email}" in client.text
    assert client.url.startswith(f"http://localhost{start}")


@pytest.mark.parametrize("email", [OLGA.upper(), f"  {OLGA} ", "Olga@NORTH.example"])
def test_an_address_signs_in_however_it_is_written(browser: Open, email: str) -> None:
    client = browser()
    assert sign_in(client, email) == 200
    assert is_signed_in(client, OLGA)


def test_a_password_does_not_expire_and_every_page_offers_to_sign_out(
    browser: Open, clock: Clock
) -> None:
    client = browser()
    clock.forward(days=1000)
    assert sign_in(client, OLGA) == 200
    for path in ("/console", "/profile", "/help", "/nothing-here"):
        assert 'action="/sign-out"' in client.get(path).text, path


def test_an_unknown_address_and_a_wrong_password_read_the_same(browser: Open) -> None:
    pages = set()
    unknown = ("nobody@nowhere.example", "not an address", "a@b@c", "x" * 300)
    for email, password in [(OLGA, "wrong"), (OLGA, LONG), *((e, PASSWORD) for e in unknown)]:
        client = browser()
        assert sign_in(client, email, password, target="/console") == 422
        assert notices(client) == [f"This did not work. {WRONG}"]
        form = client.form("/sign-in")
        assert (form["email"], form["password"], form["next"]) == (email, "", "/console")
        pages.add(client.text)
        assert client.get("/console").status_code == 303
    assert len(pages) == 1


def test_what_no_address_is_made_of_signs_nobody_in_and_comes_back(browser: Open) -> None:
    client = browser()
    before = stored_rows()
    # A few, because each costs as much time as a password of somebody's.
    for email in (f"{OLGA}\x00", f"{OLGA}\u202e", f"{OLGA}\r\nx", "<b>@🚀.example", LONG):
        assert sign_in(client, email, email) == 422
        assert notices(client) == [f"This did not work. {WRONG}"]
        assert client.form("/sign-in")["email"] == rendered(email)
    assert stored_rows() == before


def test_empty_fields_are_named_all_at_once(browser: Open) -> None:
    client = browser()
    assert sign_in(client, "", "") == 422
    assert errors(client).keys() == {"email", "password"}


def test_a_stale_token_keeps_the_address_and_drops_the_password(browser: Open) -> None:
    client = browser()
    data = {"csrf_token": "stale", "email": OLGA, "password": PASSWORD, "next": "/console"}
    assert client.post("/sign-in", data=data).status_code == 422
    assert "press the button again" in notices(client)[0]
    form = client.form("/sign-in")
    assert (form["email"], form["password"], form["next"]) == (OLGA, "", "/console")
    client.submit("Sign in", password=PASSWORD)
    assert is_signed_in(client, OLGA)


def test_after_signing_in_one_is_where_one_wanted_to_be(browser: Open) -> None:
    client = browser()
    client.get("/console/billing?q=a%26b", follow_redirects=True)
    answer = client.submit("Sign in", email=OLGA, password=PASSWORD)
    assert answer.request.full_path == "/console/billing?q=a%26b"


ELSEWHERE = [
    *("//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example"),
    *("/\n/evil.example", "/\t/evil.example", " //evil.example", "javascript:evil()", "evil"),
]


def test_next_never_leads_away(browser: Open) -> None:
    for target in ELSEWHERE:
        client = browser()
        asked = client.get(f"/sign-in?next={quote(target)}")
        assert "evil" not in asked.text, target
        good = {"csrf_token": client.form("/sign-in")["csrf_token"], "email": DORA}
        answer = client.post("/sign-in", data=good | {"password": PASSWORD, "next": target})
        assert (answer.status_code, answer.location) == (303, "/"), target
        signed_in = client.get(f"/sign-in?next={quote(target)}")
        assert (signed_in.status_code, signed_in.location) == (303, "/"), target


def test_who_is_signed_in_needs_no_form(browser: Open) -> None:
    client = browser(DORA)
    answer = client.get("/sign-in?next=/console/billing")
    assert (answer.status_code, answer.location) == (303, "/console/billing")


def test_signing_in_as_someone_else_returns_and_ends_the_other_session(
    browser: Open, world: World
) -> None:
    client = browser(SAM)
    old = session_of(client)
    wanted = f"/console/billing/{world.direct}"
    assert client.get(wanted).status_code == 404
    client.get(links(client)["Sign in as someone else"])
    assert f"You are signed in as {SAM}. Signing in here ends that." in client.text
    assert links(client)["Cancel"] == wanted
    assert is_signed_in(client, SAM), "looking at the form changes nothing"
    client.get(f"/sign-in?switch=1&next={wanted}")
    answer = client.submit("Sign in", email=DORA, password=PASSWORD)
    assert (answer.status_code, answer.request.path) == (200, wanted)
    assert f"Signed in as: {DORA}" in client.text
    copy = browser()
    copy.set_cookie("portal", old)
    assert copy.get("/console").status_code == 303


def test_a_failed_switch_leaves_the_session_as_it_was(browser: Open) -> None:
    client = browser(SAM)
    assert sign_in(client, DORA, "wrong") == 422
    assert f"You are signed in as {SAM}." in client.text
    assert is_signed_in(client, SAM)


def test_the_menu_leads_back_to_the_page_it_stands_on(browser: Open, world: World) -> None:
    client = browser(OLGA)
    client.get("/console/billing?q=North")
    client.get(links(client)["Sign in as someone else"])
    answer = client.submit("Sign in", email=SAM, password=PASSWORD)
    assert answer.request.full_path == "/console/billing?q=North"


def test_signing_in_makes_a_new_session(browser: Open, app: Flask) -> None:
    client = browser()
    client.get("/sign-in")
    fixed = session_of(client)
    sign_in(client, OLGA)
    first = session_of(client)
    sign_in(client, OLGA)
    assert len({fixed, first, session_of(client)}) == 3
    planted = browser()
    planted.set_cookie("portal", fixed)
    assert planted.get("/console").status_code == 303
    copy = browser()
    copy.set_cookie("portal", first)
    assert copy.get("/console").status_code == 303
    ids = db.read(lambda: set(db.session.scalars(select(UserSession.id))))
    assert not {i for i in ids for cookie in (first, session_of(client)) if i in cookie}


def test_signing_out_kills_a_copied_cookie(browser: Open) -> None:
    client, copy, elsewhere = browser(OLGA), browser(), browser(OLGA)
    copy.set_cookie("portal", session_of(client))
    assert is_signed_in(copy, OLGA)
    client.get("/console")
    answer = client.submit("Sign out")
    assert answer.request.path == "/sign-in"
    assert answer.history[0].headers["Clear-Site-Data"] == '"cache"'
    assert "You are signed out." in client.text
    for dead in (client, copy):
        assert dead.get("/console").status_code == 303
    assert is_signed_in(elsewhere, OLGA), "another browser stays signed in"


def test_signing_out_twice_is_no_error(browser: Open) -> None:
    client, tab = browser(OLGA), browser()
    client.get("/console")
    tab.set_cookie("portal", session_of(client))
    tab.get("/console")
    client.submit("Sign out")
    for dead in (client, tab):
        data = {"csrf_token": "of a page from before"}
        answer = dead.post("/sign-out", data=data, follow_redirects=True)
        assert (answer.status_code, answer.request.path) == (200, "/sign-in")


def test_no_other_site_signs_anyone_out(browser: Open) -> None:
    client = browser(OLGA)
    client.get("/console")
    for data in ({}, {"csrf_token": "stale"}):
        answer = client.post("/sign-out", data=data)
        assert answer.status_code == 422
        assert links(client)
    assert is_signed_in(client, OLGA)
    assert client.get("/sign-out").status_code == 405


def test_an_idle_session_ends_after_half_an_hour(browser: Open, clock: Clock) -> None:
    client = browser(OLGA)
    for _time in range(3):
        clock.forward(minutes=29)
        assert is_signed_in(client, OLGA)
    clock.forward(minutes=31)
    assert client.get("/console").status_code == 303


def test_a_session_in_use_ends_after_eight_hours(browser: Open, clock: Clock) -> None:
    client = browser(OLGA)
    for _time in range(19):
        clock.forward(minutes=25)
        assert is_signed_in(client, OLGA)
    clock.forward(minutes=10)
    assert client.get("/console").status_code == 303


def test_what_was_typed_before_the_session_ended_is_shown_again_and_not_done(
    browser: Open, clock: Clock
) -> None:
    client = browser(DORA)
    client.get("/console/clouds/create")
    clock.forward(hours=1)
    before = stored_rows()
    answer = client.submit("Create", name="Kept <Ünï>")
    assert answer.status_code == 422
    assert "Your session has ended." in client.text
    assert stored_rows() == before
    answer = client.submit("Sign in", email=DORA, password="wrong")
    assert "Your session has ended." in client.text
    client.submit("Sign in", email=DORA, password=PASSWORD)
    assert client.form("/clouds/create")["name"] == "Kept <Ünï>"
    rows = stored_rows()
    assert rows["clouds"] == before["clouds"]
    client.submit("Create")
    found = db.read(lambda: db.session.scalars(select(Cloud.name)).all())
    assert found.count("Kept <Ünï>") == 1


def test_what_was_typed_is_shown_to_nobody_else(browser: Open, clock: Clock) -> None:
    client = browser(DORA)
    client.get("/console/clouds/create")
    clock.forward(hours=1)
    client.submit("Create", name="Kept")
    client.submit("Sign in", email=DORA, password=PASSWORD)
    sam = browser(SAM)
    sam.get(client.url)
    assert "kept=" in client.url
    assert sam.form("/clouds/create")["name"] == ""


CARRIED = {
    "no JSON": "{",
    "no object": "[1, 2]",
    "a number": "7",
    "another shape": '{"name": {"a": 1}, "b": 2, "c": null}',
    "a surrogate": '{"name": ["\\ud800"]}',
    "NUL": '{"name": ["a\\u0000b"]}',
    "a control character": '{"name": ["a\\u0007b"]}',
    "nested too deep": "[" * 60_000,
    "a huge number": '{"name": [' + "9" * 5000 + "]}",
    "no name": '{"": [""]}',
}


def test_whatever_is_sent_as_carried_breaks_nothing(browser: Open) -> None:
    for label, carried in CARRIED.items():
        client = browser()
        good = {"csrf_token": csrf_token(client), "email": DORA, "password": PASSWORD}
        data = good | {"next": "/console/clouds/create", "carried": carried}
        answer = client.post("/sign-in", data=data, follow_redirects=True)
        assert answer.status_code == 200, label
        assert client.submit("Create", name="fine").status_code == 200, label


def test_passwords_and_tokens_are_never_carried(browser: Open, world: World) -> None:
    client = browser()
    data = {
        "csrf_token": "t",
        "form_key": "k",
        "carried": "c",
        "password": "p",
        "new_password": "p",
    }
    client.post("/console/clouds/create", data=data | {"name": "n"}, follow_redirects=True)
    assert json.loads(client.form("/sign-in")["carried"]) == {"name": ["n"]}
    client.submit("Sign in", email=VERA, password=PASSWORD)
    kept = db.read(lambda: db.session.scalars(select(SavedForm)).one())
    assert (kept.fields, kept.user_id) == ({"name": ["n"]}, user(VERA).id)


@pytest.mark.parametrize("email", [None, CARL])
def test_the_front_page_leads_on(browser: Open, email: str | None) -> None:
    answer = browser(email).get("/")
    assert (answer.status_code, answer.location) == (303, "/console" if email else "/sign-in")
