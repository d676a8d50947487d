"""Sign up, the mail, choosing a password: an account counts from then on, and nothing before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from portal import db
from portal.domain import accounts, identity, values
from portal.domain.accounts import Kind, Mode
from portal.domain.actors import COMMAND
from portal.domain.identity import SignUp, User
from tests.support.answers import csrf_token, errors, links, notices, stored_rows
from tests.support.browser import Browser
from tests.support.mails import link_in, mails_to, plain_text
from tests.support.odd_inputs import BAD_ADDRESSES, INVISIBLE, LONG, UNUSUAL_NAMES, rendered
from tests.support.world import CARL, DORA, OLGA, Clock, World, actor, user

Open = Callable[..., Browser]

NEW = "new@comer.example"
SECRET = "a fine long password"
SENT = "A mail is on its way to"


def ask(client: Browser, email: str = NEW, *, next_path: str = "/") -> None:
    """Fill in the sign-up form."""
    client.get("/sign-up", query_string={"next": next_path})
    answer = client.submit("Sign up", name="New Comer", email=email)
    assert answer.status_code == 200, client.text


def link_for(email: str = NEW) -> str:
    """The link in the newest mail to this address."""
    return link_in(mails_to(email)[-1])


def waiting() -> int:
    return db.read(lambda: db.session.scalar(select(func.count(SignUp.id))) or 0)


def has_account(email: str) -> bool:
    return db.read(lambda: identity.user_by_email(values.email(email).key)) is not None


def test_a_newcomer_gets_a_mail_chooses_a_password_and_has_a_direct_account(
    browser: Open, world: World
) -> None:
    client = browser()
    ask(client, next_path="/console/billing?q=New")
    assert f"{SENT} {NEW}" in client.text
    assert not has_account(NEW)
    (letter,) = mails_to(NEW)
    assert letter["Subject"] == "Verify your address for Test Cloud"
    client.get(link_in(letter))
    assert NEW in client.text
    answer = client.submit("Create account", password=SECRET, password_again=SECRET)
    assert answer.request.full_path == "/console/billing?q=New"
    assert "Your address is verified and your account is ready." in client.text
    assert f"Signed in as: {NEW}" in client.text
    assert "New Comer" in client.text
    (own,) = db.read(lambda: accounts.accounts_for(actor(NEW)))
    assert (own.kind, own.mode, own.name) == (Kind.DIRECT, Mode.TRIAL, "New Comer")
    other = browser()
    other.get("/sign-in")
    assert other.submit("Sign in", email=NEW.upper(), password=SECRET).status_code == 200
    assert f"Signed in as: {NEW}" in other.text


def test_the_name_may_be_corrected_when_the_mail_is_answered(browser: Open) -> None:
    client = browser()
    ask(client)
    client.get(link_for())
    assert client.form("/verify/")["name"] == "New Comer"
    client.submit("Create account", name="Somebody Else", password=SECRET, password_again=SECRET)
    assert user(NEW).name == "Somebody Else"


def test_opening_the_link_changes_nothing_however_often(browser: Open) -> None:
    client = browser()
    ask(client)
    link = link_for()
    before = stored_rows()
    for _time in range(3):
        assert client.get(link).status_code == 200
        assert client.head(link).status_code == 200
        assert browser(None).get(link).status_code == 200
    assert stored_rows() == before


def test_a_link_works_once(browser: Open) -> None:
    client = browser()
    ask(client)
    link = link_for()
    client.get(link)
    client.submit("Create account", password=SECRET, password_again=SECRET)
    before = stored_rows()
    for again in (client, browser()):
        assert again.get(link).status_code == 404
        assert "used already" in again.text
        assert {"Sign in", "Sign up again"} <= links(again).keys()
        data = {
            "csrf_token": csrf_token(again),
            "name": "X",
            "password": SECRET,
            "password_again": SECRET,
        }
        assert again.post(link, data=data).status_code == 404
    assert stored_rows() == before


def test_two_browsers_answer_one_mail_and_the_first_wins(browser: Open) -> None:
    first, second = browser(), browser()
    ask(first)
    first.get(link_for())
    second.get(link_for())
    first.submit("Create account", password=SECRET, password_again=SECRET)
    answer = second.submit(
        "Create account", password="another password", password_again="another password"
    )
    assert answer.status_code == 404
    assert "used already" in second.text
    assert identity.check_password(NEW, SECRET) is not None
    assert identity.check_password(NEW, "another password") is None


def test_a_link_lasts_two_days(browser: Open, clock: Clock) -> None:
    client = browser()
    ask(client)
    link = link_for()
    clock.forward(days=2, seconds=-30)
    assert client.get(link).status_code == 200
    clock.forward(seconds=60)
    answer = client.submit("Create account", password=SECRET, password_again=SECRET)
    assert answer.status_code == 404
    assert "older than two days" in client.text
    assert not has_account(NEW)


def test_a_link_that_was_cut_or_changed_is_no_link(browser: Open) -> None:
    client = browser()
    ask(client)
    link = link_for()
    (path, mark), changed = link.rsplit("/", 1), link[:-1] + ("A" if link[-1] != "A" else "B")
    for wrong in (link[:-5], changed, f"{path}/x", f"{path}/{mark.partition('.')[0]}"):
        assert client.get(wrong).status_code == 404, wrong
        assert "is not complete" in client.text


def test_an_address_is_not_reserved_before_its_mail_is_answered(browser: Open) -> None:
    first, second = browser(), browser()
    ask(first)
    first_link = link_for()
    ask(second, NEW.upper(), next_path="/console/billing")
    second_link = link_for("NEW@comer.example")
    assert first_link != second_link
    assert waiting() == 2
    second.get(second_link)
    second.submit("Create account", password=SECRET, password_again=SECRET)
    assert second.url.endswith("/console/billing")
    assert first.get(first_link).status_code == 404
    assert links(first)["Sign in"] == "/sign-in"
    assert waiting() == 0


def test_signing_up_with_a_known_address_looks_the_same(browser: Open) -> None:
    known, unknown = browser(), browser()
    ask(known, DORA, next_path="/console/billing")
    ask(unknown, NEW, next_path="/console/billing")
    assert known.text.replace(DORA, "…") == unknown.text.replace(NEW, "…")
    (letter,) = mails_to(DORA)
    assert letter["Subject"] == "You have an account in Test Cloud already"
    assert link_in(letter) == "/sign-in?next=/console/billing"
    assert "/verify/" not in plain_text(letter)
    assert waiting() == 1


def test_verifying_while_signed_in_as_another_ends_that_session(browser: Open) -> None:
    client = browser(OLGA)
    client.get("/sign-up")
    client.submit("Sign up", name="New", email=NEW)
    client.get(link_for())
    assert f"You are signed in as {OLGA} in this browser; that ends then." in client.text
    client.submit("Create account", password=SECRET, password_again=SECRET)
    assert f"Signed in as: {NEW}" in client.text


@pytest.mark.parametrize("settings", [{"SIGN_UP": "closed"}])
def test_where_sign_up_is_closed_nobody_gets_an_account(browser: Open, world: World) -> None:
    client = browser()
    before = stored_rows()
    client.get("/sign-up?next=/console/billing")
    assert "Ask them for one" in client.text
    assert links(client)["Sign in"] == "/sign-in?next=/console/billing"
    assert "email" not in client.text.lower()
    data = {"csrf_token": csrf_token(client), "name": "New", "email": CARL}
    answer = client.post("/sign-up", data=data)
    assert answer.status_code == 422
    assert stored_rows() == before


@pytest.mark.parametrize("settings", [{"SIGN_UP": "invited"}])
def test_where_sign_up_is_by_invitation_all_look_the_same_and_only_the_invited_get_a_mail(
    browser: Open, world: World
) -> None:
    db.write(lambda: identity.allow_email(values.email("let@in.example"), by=COMMAND))
    seen = set()
    # Sam's customer is invited and has no account.
    for address in (NEW, "let@in.example", "other@else.example"):
        client = browser()
        ask(client, address)
        seen.add(client.text.replace(address, "…"))
    assert len(seen) == 1
    assert "If … may sign up here, a mail is on its way there." in seen.pop()
    assert not mails_to(NEW)
    assert link_in(mails_to("let@in.example")[-1]).startswith("/verify/")
    assert link_in(mails_to("other@else.example")[-1]).startswith("/verify/")


PASSWORDS = {
    "the name": ("Kept.Name.1990", "Kept.Name.1990", "password", "without your name"),
    "short": ("123456789", "123456789", "password", "at least 10"),
    "long": ("x" * 201, "x" * 201, "password", "at most 200"),
    "10,000 characters": (LONG, LONG, "password", "at most 200"),
    "the address": (NEW, NEW, "password", "without your name, your address"),
    "the address in capitals": (
        NEW.upper(),
        NEW.upper(),
        "password",
        "without your name, your address",
    ),
    "two different": (SECRET, SECRET + "x", "password_again", "differ"),
    "none": ("", "", "password", "required"),
    "one only": (SECRET, "", "password_again", "required"),
}


def test_a_password_that_does_not_do_is_refused_at_its_field(browser: Open) -> None:
    client = browser()
    ask(client)
    client.get(link_for())
    before = stored_rows()
    for label, (password, again, field, what) in PASSWORDS.items():
        answer = client.submit(
            "Create account", name="Kept Name", password=password, password_again=again
        )
        assert answer.status_code == 422, label
        assert what in errors(client)[field], label
        form = client.form("/verify/")
        assert (form["name"], form["password"], form["password_again"]) == ("Kept Name", "", ""), (
            label
        )
    assert stored_rows() == before


@pytest.mark.parametrize("password", ["pass\x00word phrase", "слова и 🚀🌵🎺🦜"])
def test_any_characters_make_a_password(browser: Open, password: str) -> None:
    client = browser()
    ask(client)
    client.get(link_for())
    assert (
        client.submit("Create account", password=password, password_again=password).status_code
        == 200
    )
    other = browser()
    other.get("/sign-in")
    assert other.submit("Sign in", email=NEW, password=password).status_code == 200


def test_a_stale_token_keeps_the_name_and_drops_the_password(browser: Open) -> None:
    client = browser()
    ask(client)
    client.get(link_for())
    stale = {"csrf_token": "stale", "name": "Kept", "password": SECRET, "password_again": SECRET}
    answer = client.post(link_for(), data=stale)
    assert answer.status_code == 422
    assert "press the button again" in notices(client)[0]
    assert client.form("/verify/")["name"] == "Kept"
    assert SECRET not in answer.text
    client.submit("Create account", password=SECRET, password_again=SECRET)
    assert has_account(NEW)


def refused(client: Browser, name: str, email: str) -> None:
    """The form comes back with all that was typed, and nothing was written."""
    before = stored_rows()
    client.get("/sign-up?next=/console")
    assert client.submit("Sign up", name=name, email=email).status_code == 422, (name, email)
    form = client.form("/sign-up")
    assert (form["name"], form["email"], form["next"]) == (
        rendered(name),
        rendered(email),
        "/console",
    )
    assert notices(client)
    assert stored_rows() == before


def test_a_name_that_is_none_is_refused_at_its_field(browser: Open) -> None:
    client = browser()
    for name in ("", "   ", *INVISIBLE.values(), LONG):
        refused(client, name, NEW)
        assert errors(client).keys() == {"name"}, ascii(name)[:30]


def test_an_address_that_is_none_is_refused_at_its_field(browser: Open) -> None:
    client = browser()
    for email, what in [("", "required"), (" ", "required"), *BAD_ADDRESSES.values()]:
        refused(client, "Ann Lee", email)
        assert errors(client).keys() == {"email"}
        assert what in errors(client)["email"], ascii(email)[:30]


def test_all_errors_show_at_once(browser: Open) -> None:
    client = browser()
    refused(client, "", "ann")
    assert errors(client).keys() == {"name", "email"}
    assert "Two fields need another look." in notices(client)[0]


def test_odd_names_are_names(browser: Open) -> None:
    client = browser()
    for number, (name, kept) in enumerate(UNUSUAL_NAMES.values()):
        client.get("/sign-up")
        email = f"new{number}@comer.example"
        assert client.submit("Sign up", name=name, email=email).status_code == 200, name
        client.get(link_for(email))
        assert client.form("/verify/")["name"] == (kept or name)


def test_spaces_around_an_address_are_no_part_of_it(browser: Open) -> None:
    client = browser()
    ask(client, "  New@Comer.Example ")
    assert link_in(mails_to("New@comer.example")[-1]).startswith("/verify/")
    ask(client, f" {DORA.upper()} ")
    dora = mails_to("DORA@direct.example")
    assert dora[-1]["Subject"].startswith("You have an account")


def test_a_stale_sign_up_form_keeps_its_input(browser: Open) -> None:
    client = browser()
    before = stored_rows()
    data = {"csrf_token": "stale", "name": "Kept", "email": NEW, "next": "/console"}
    assert client.post("/sign-up", data=data).status_code == 422
    assert (
        client.form("/sign-up").items()
        >= {"name": "Kept", "email": NEW, "next": "/console"}.items()
    )
    assert stored_rows() == before
    assert client.submit("Sign up").status_code == 200


def test_user_is_a_person_only_after_the_mail(browser: Open) -> None:
    client = browser()
    ask(client)
    before = db.read(lambda: db.session.scalar(select(func.count(User.id))))
    client.get("/sign-in")
    assert client.submit("Sign in", email=NEW, password=SECRET).status_code == 422
    assert before == db.read(lambda: db.session.scalar(select(func.count(User.id))))
