"""What a hostile page, a stale tab or a struggling database must not achieve."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text

from portal import db
from portal.domain import clouds, idempotency, identity
from tests.support.browser import Browser
from tests.support.world import DORA, OLGA, Clock, World, actor, all_rows

Open = Callable[..., Browser]


def test_another_sites_form_is_refused_and_not_even_shown_again(
    app: Flask, world: World, browser: Open
) -> None:
    anonymous = browser()
    answer = anonymous.post(
        f"/partner/{world.north}/customers/add",
        data={"name": "Evil Ltd", "invitation_email": "mallory@evil.example"},
        headers={"Origin": "https://evil.example"},
    )
    assert answer.status_code == 400
    assert "Evil Ltd" not in anonymous.text


@pytest.mark.parametrize("origin", ["null", "http://[", "http://localhost.evil.example"])
def test_an_origin_that_is_not_ours_is_anothers(
    app: Flask, world: World, browser: Open, origin: str
) -> None:
    assert browser().post("/sign-in", headers={"Origin": origin}).status_code == 400


def test_our_own_origin_is_welcome(app: Flask, world: World, browser: Open) -> None:
    olga = browser()
    olga.get("/sign-in")
    data = {**olga.form("/sign-in"), "email": OLGA, "password": "correct horse"}
    answer = olga.post("/sign-in", data=data, headers={"Origin": "http://localhost"})
    assert answer.status_code == 303


@pytest.mark.parametrize("field", ["password", "next", "carried", "form_key"])
def test_a_file_where_text_is_expected_is_no_fault_of_ours(
    app: Flask, world: World, browser: Open, field: str
) -> None:
    data = {field: (io.BytesIO(b"x"), "x.txt")}
    answer = browser().post("/sign-in", data=data, content_type="multipart/form-data")
    assert answer.status_code == 400


def test_a_referrer_that_is_no_address_is_no_fault_of_ours(
    app: Flask, world: World, browser: Open
) -> None:
    answer = browser().post("/invite/accept/x", headers={"Referer": "http://["})
    assert answer.status_code == 307


def test_a_page_that_asks_by_itself_does_not_keep_the_session_alive(
    app: Flask, world: World, clock: Clock, browser: Open
) -> None:
    olga = browser(OLGA)
    page = f"/partner/{world.north}/customers/{world.carls_customer}?poll=1"
    for _tenth in range(4):
        clock.forward(minutes=9)
        answer = olga.get(page, headers={"HX-Request": "true"})
    # It is told to ask no more, and to say so: nobody is led away from what stands on their page.
    assert (answer.status_code, answer.headers.get("HX-Trigger")) == (286, "signed-out")
    assert (answer.text, answer.headers.get("HX-Reswap")) == ("", "none")
    assert olga.get(page).location.startswith("/sign-in")


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_reading_goes_on_while_nothing_can_be_written(
    app: Flask, world: World, clock: Clock, browser: Open, cast: tuple[str, World]
) -> None:
    olga = browser(OLGA)
    clock.forward(minutes=5)
    writer = sqlite3.connect(cast[0].removeprefix("sqlite:///"), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        assert olga.get("/console").status_code == 200
    finally:
        writer.execute("ROLLBACK")
        writer.close()


def test_one_form_key_acts_on_one_thing_only(app: Flask, world: World, browser: Open) -> None:
    who = actor(DORA)
    dora = browser(DORA)
    dora.get(f"/console/clouds/{world.doras_cloud}")
    form = dora.form(action_contains="folders/create") | {"name": "logs"}
    assert dora.post(f"/console/clouds/{world.doras_cloud}/folders/create", data=form)
    second = _another_cloud(world)
    dora.post(f"/console/clouds/{second}/folders/create", data=form)
    assert "sent already, with other contents" in dora.text
    assert idempotency.has_run(who, str(form["form_key"]))


def _another_cloud(world: World) -> str:
    from portal.domain.accounts import BillingAccount

    who = actor(DORA)
    return db.write(
        lambda: clouds.create(db.lock(BillingAccount, world.direct), by=who, name="second").id
    )


@pytest.mark.parametrize("settings", [{"SIGN_UP": "closed"}])
def test_a_link_from_before_sign_up_was_closed_makes_no_account(
    app: Flask, world: World, browser: Open
) -> None:
    from portal import tokens

    def unit() -> str:
        waiting = identity.SignUp(id="a" * 32, email="late@x.example", email_key="late@x.example")
        waiting.name, waiting.next_path, waiting.created_at = "Late", "/", db.now()
        db.session.add(waiting)
        return waiting.id

    token = tokens.sign("verification", db.write(unit), epoch="")
    assert browser().get(f"/verify/{token}").status_code == 404


@pytest.mark.both_databases
def test_a_fault_of_the_database_does_not_log_what_it_was_asked(app: Flask, world: World) -> None:
    with pytest.raises(Exception, match="hidden due to hide_parameters") as fault:
        db.read(lambda: db.session.execute(text("SELECT :secret FROM nowhere"), {"secret": "s3cr"}))
    assert "s3cr" not in str(fault.value)


def test_a_refused_form_of_another_site_changes_nothing(
    app: Flask, world: World, browser: Open
) -> None:
    olga = browser(OLGA)
    before = all_rows()
    olga.post("/sign-out", headers={"Origin": "https://evil.example"})
    assert all_rows() == before
