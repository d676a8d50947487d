"""Confirm that it is you: the password once more, and back to where it was needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import TestResponse

from portal import db
from portal.domain import access, identity
from portal.domain.access import CloudRole
from portal.domain.actors import COMMAND
from tests.support.answers import csrf_token, errors, links, stored_rows
from tests.support.browser import Browser
from tests.support.page import text_of
from tests.support.world import DORA, OLGA, PASSWORD, SAM, TINA, Clock, World

Open = Callable[..., Browser]

CONFIRM = "/sign-in/confirm"


class Form(NamedTuple):
    """A sensitive form: who sends it, where it is, what changes."""

    email: str
    path: str
    button: str
    table: str
    """The table that sending it changes."""
    fields: Mapping[str, str] = {}
    is_asked_first: bool = True
    """Whether its page asks for the password; else only what is chosen in it decides."""


TEAM_OWNER = {"role": "billing.accounts.owner"}
CLOUD_OWNER = {"role": "resource-manager.clouds.owner"}
NEW_OWNER = {"email": SAM}
FORMS = {
    "address": Form(
        DORA, "/profile/email", "Send mail", "email_changes", {"email": "d@new.example"}
    ),
    "new owner": Form(
        OLGA,
        "/partner/{north}/team/add",
        "Add",
        "account_access",
        NEW_OWNER | TEAM_OWNER,
        is_asked_first=False,
    ),
    "made owner": Form(
        OLGA,
        "/partner/{north}/team/{eddie}/change",
        "Save",
        "account_access",
        TEAM_OWNER,
        is_asked_first=False,
    ),
    "new owner of a cloud": Form(
        DORA,
        "/console/clouds/{doras_cloud}/access/add",
        "Add",
        "cloud_access",
        NEW_OWNER | CLOUD_OWNER,
        is_asked_first=False,
    ),
    "made owner of a cloud": Form(
        DORA,
        "/console/clouds/{doras_cloud}/access/{eddie}/change",
        "Save",
        "cloud_access",
        CLOUD_OWNER,
        is_asked_first=False,
    ),
    "switch": Form(
        TINA,
        "/console/billing/{trial}/switch-to-paid?next=/console",
        "Switch to paid",
        "billing_accounts",
    ),
    "end": Form(
        OLGA,
        "/partner/{north}/customers/{ninas_customer}/end-partnership",
        "End partnership",
        "customers",
    ),
}


@pytest.fixture
def world(world: World) -> World:
    """The cast's data; Eddie has a role on Dora's cloud, which can be raised."""
    role, ids = CloudRole.VIEWER, {"cloud_id": world.doras_cloud, "user_id": world.eddie}
    db.write(lambda: access.assign_cloud_role(role, **ids, by=COMMAND))
    return world


each = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def path_of(form: Form, world: World) -> str:
    return form.path.format_map(vars(world))


def confirm(client: Browser, password: str = PASSWORD) -> TestResponse:
    return client.submit("Confirm", form=CONFIRM, password=password)


@each
def test_within_ten_minutes_of_signing_in_the_form_is_simply_sent(
    browser: Open, world: World, clock: Clock, form: Form
) -> None:
    client, before = browser(form.email), stored_rows()[form.table]
    clock.forward(minutes=9, seconds=50)
    client.get(path_of(form, world))
    answer = client.submit(form.button, **form.fields)
    assert answer.status_code == 200
    assert "/sign-in" not in client.url
    assert stored_rows()[form.table] != before


@each
def test_later_the_password_comes_first_and_the_form_comes_back_filled(
    browser: Open, world: World, clock: Clock, form: Form
) -> None:
    client, path = browser(form.email), path_of(form, world)
    client.get(path)
    clock.forward(minutes=10, seconds=1)
    before = stored_rows()
    assert client.submit(form.button, **form.fields).request.path == CONFIRM
    assert form.email in client.text
    assert ("shown again with what you typed" in client.text) == bool(form.fields)
    assert stored_rows() | {"kept_forms": []} == before
    back = confirm(client)
    assert f"{back.request.full_path}&".startswith(f"{path}{'&' if '?' in path else '?'}")
    shown = client.form(path.partition("?")[0])
    assert {name: shown[name] for name in form.fields} == form.fields
    assert stored_rows()[form.table] == before[form.table], "shown again, not done"
    assert client.submit(form.button).status_code == 200
    assert stored_rows()[form.table] != before[form.table]


@pytest.mark.parametrize(
    "form", [form for form in FORMS.values() if form.is_asked_first], ids=lambda form: form.path
)
def test_a_page_that_is_opened_later_asks_for_the_password_and_then_opens(
    browser: Open, world: World, clock: Clock, form: Form
) -> None:
    client, path = browser(form.email), path_of(form, world)
    clock.forward(minutes=9, seconds=50)
    assert client.get(path).status_code == 200
    clock.forward(seconds=11)
    answer = client.get(path)
    assert (answer.status_code, urlsplit(answer.location).path) == (303, CONFIRM)
    assert parse_qs(urlsplit(answer.location).query) == {"next": [path]}
    asked = client.get(path, headers={"HX-Request": "true"})
    assert (asked.status_code, asked.headers["HX-Redirect"]) == (200, answer.location)
    client.get(answer.location)
    assert confirm(client).request.full_path.rstrip("?") == path


@pytest.mark.parametrize(
    "form", [form for form in FORMS.values() if not form.is_asked_first], ids=lambda form: form.path
)
def test_a_page_that_gives_other_roles_too_opens_at_any_time(
    browser: Open, world: World, clock: Clock, form: Form
) -> None:
    client = browser(form.email)
    clock.forward(minutes=29)
    assert client.get(path_of(form, world)).status_code == 200


def live_sessions(email: str) -> int:
    def read() -> int:
        person = identity.user_by_email(email)
        assert person is not None
        return len(identity.sessions_of(identity.as_actor(person)))

    return db.read(read)


@pytest.mark.parametrize("button", ["End all others", "End: Browser"])
def test_sessions_are_ended_after_the_password_and_another_press(
    browser: Open, clock: Clock, button: str
) -> None:
    client, _other = browser(DORA), browser(DORA)
    client.get("/profile")
    clock.forward(minutes=10, seconds=1)
    assert client.submit(button).request.path == CONFIRM
    assert "shown again" not in client.text
    assert confirm(client).request.full_path == "/profile?"
    assert live_sessions(DORA) == 2
    client.submit(button)
    assert live_sessions(DORA) == 1
    assert client.get("/profile").status_code == 200, "this one goes on"


def test_a_dialog_leads_to_the_question_as_a_page(
    browser: Open, world: World, clock: Clock
) -> None:
    client = browser(OLGA)
    path = f"/partner/{world.north}/customers/{world.ninas_customer}/end-partnership"
    data = {"csrf_token": csrf_token(client)}
    clock.forward(minutes=11)
    answer = client.post(path, data=data, headers={"HX-Request": "true"})
    target = urlsplit(answer.headers["HX-Redirect"])
    assert (target.path, parse_qs(target.query)) == (CONFIRM, {"next": [path]})


def test_a_wrong_password_is_refused_at_its_field(browser: Open, clock: Clock) -> None:
    client = browser(DORA)
    clock.forward(minutes=11)
    client.get("/profile/email", follow_redirects=True)
    assert links(client)["Forgotten your password?"] == "/forgot"
    for wrong, sentence in (
        ("wrong wrong", "This is not your password. Type it again."),
        ("x" * 10_000, "This is not your password. Type it again."),
        ("", "Fill this in; it is required."),
    ):
        assert confirm(client, wrong).status_code == 422
        assert errors(client) == {"password": sentence}
    assert client.get("/profile/email").status_code == 303
    client.get("/profile/email", follow_redirects=True)
    assert confirm(client).request.path == "/profile/email"


def test_a_stale_page_of_the_question_asks_again(browser: Open, clock: Clock) -> None:
    client = browser(DORA)
    clock.forward(minutes=11)
    data = {"csrf_token": "stale", "password": PASSWORD}
    answer = client.post(f"{CONFIRM}?next=/profile/email", data=data)
    assert (answer.status_code, PASSWORD in answer.text) == (422, False)
    assert confirm(client).request.path == "/profile/email"


def test_who_has_given_it_just_now_is_not_asked(browser: Open) -> None:
    answer = browser(DORA).get(f"{CONFIRM}?next=/profile/email")
    assert (answer.status_code, answer.location) == (303, "/profile/email")


def test_the_question_never_leads_away(browser: Open, clock: Clock) -> None:
    client = browser(DORA)
    clock.forward(minutes=11)
    client.get(f"{CONFIRM}?next=//evil.example")
    assert "evil" not in client.text
    assert confirm(client).request.path == "/console"


def test_a_copied_cookie_gains_nothing_by_the_password(browser: Open, clock: Clock) -> None:
    client, thief = browser(DORA), browser()
    cookie = client.get_cookie("portal")
    assert cookie is not None
    thief.set_cookie("portal", cookie.value)
    clock.forward(minutes=11)
    tab = csrf_token(client)
    client.get(CONFIRM)
    confirm(client)
    assert client.get("/profile/email").status_code == 200
    assert thief.get("/profile").status_code == 303
    data = {"csrf_token": tab, "name": "Dora", "language": "en", "time_zone": ""}
    assert client.post("/profile", data=data).status_code == 303, "forms in other tabs still work"


def test_a_session_that_ends_at_the_question_leads_over_sign_in_to_the_form(
    browser: Open, clock: Clock
) -> None:
    client = browser(DORA)
    client.get("/profile/email")
    clock.forward(minutes=11)
    client.submit("Send mail", email="d@new.example")
    clock.forward(minutes=31)
    answer = confirm(client)
    assert PASSWORD not in answer.text
    client.submit("Sign in", email=DORA, password=PASSWORD)
    assert client.form("/profile/email")["email"] == "d@new.example"


def test_one_may_sign_out_instead(browser: Open, clock: Clock) -> None:
    client = browser(DORA)
    clock.forward(minutes=11)
    client.get(CONFIRM)
    (main,) = client.page.iter("main")
    assert "Not you? Sign out" in text_of(main)
    client.post("/sign-out", data={"csrf_token": client.form(CONFIRM)["csrf_token"]})
    assert client.get("/profile").status_code == 303
