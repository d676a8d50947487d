"""*People*: operators find a person, see their state, block, unblock, and end their sessions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal import db
from portal.domain import connections, identity, memberships
from portal.domain.access import CloudRole
from portal.domain.actors import COMMAND
from portal.domain.identity import UserSession
from tests.support.answers import definition_list, errors, links, notices
from tests.support.browser import Browser
from tests.support.cloud_access import give
from tests.support.mails import mails_to
from tests.support.memberships import add_memberships, memberships_of, pretend_connection, put_on
from tests.support.world import DORA, OLGA, PASSWORD, SAM, Clock, World, user

Open = Callable[..., Browser]


@pytest.fixture
def dora(app: Flask, browser: Open) -> Browser:
    """Dora's browser; she is an operator."""
    db.write(lambda: identity.make_operator(user(DORA), by=COMMAND))
    return browser(DORA)


def find(client: Browser, email: str) -> int:
    client.get("/operator/people")
    return client.submit("Find", email=email).status_code


def block(client: Browser, email: str = OLGA) -> None:
    find(client, email)
    client.click("Block")
    client.submit("Block", reason="stolen")


def sign_in(client: Browser, email: str, password: str) -> str:
    client.get("/sign-in")
    client.submit("Sign in", email=email, password=password)
    return client.text.replace(email, "")


def test_a_person_is_found_by_any_writing_of_their_address_which_is_in_no_url(
    dora: Browser, world: World
) -> None:
    assert find(dora, OLGA.upper()) == 200
    person = definition_list(dora)
    assert (dora.page.findtext(".//h1/bdi"), person["E-mail"]) == ("Olga Owner", OLGA)
    assert person["Status"] == "Active"
    assert person["Sessions"] == "none"
    assert f"owner: North {world.north}" in person["Roles"]
    assert dora.get(f"/operator/people/{user(OLGA).id}").status_code == 200
    assert find(dora, "nobody@north.example") == 422
    assert errors(dora) == {"email": "No account here has this address."}
    assert find(dora, "nobody") == 422


def test_of_who_is_blocked_an_operator_reads_where_access_still_works(
    dora: Browser, world: World
) -> None:
    def unit() -> None:
        put_on(pretend_connection(), world.doras_cloud, world.ninas_cloud)
        add_memberships(OLGA, world.doras_cloud, world.ninas_cloud)

    for cloud_id in (world.doras_cloud, world.ninas_cloud):
        give(cloud_id, CloudRole.EDITOR, to=OLGA)
    db.write(unit)
    find(dora, OLGA)
    assert definition_list(dora)["In the clouds"] == "Up to date on 2 clouds"
    block(dora)
    membership_id = memberships_of(OLGA)[-1].id
    db.write(lambda: memberships.record_revoked(membership_id, None))
    find(dora, OLGA)
    says = definition_list(dora)["In the clouds"]
    assert says.startswith("Being revoked, still works on 1 cloud Revoked on 1 cloud; open sign-")
    connections.configure_keys(list)


def test_everybody_else_finds_nothing(browser: Open) -> None:
    olga, person = browser(OLGA), f"/operator/people/{user(SAM).id}"
    steps = ("", "/block", "/unblock", "/end-sessions")
    for path in ("/operator/people", *(person + step for step in steps)):
        assert olga.get(path).status_code == 404


def test_who_is_blocked_is_out_and_reads_the_same_as_with_a_wrong_password(
    dora: Browser, browser: Open
) -> None:
    olga, visitor = browser(OLGA), browser()
    olga.get("/profile")
    find(dora, OLGA)
    dora.click("Block")
    assert olga.get("/profile").status_code == 200, "a GET changes nothing"
    assert dora.submit("Block").status_code == 422
    assert errors(dora) == {"reason": "Fill this in; it is required."}
    dora.submit("Block", reason="stolen")
    assert notices(dora, "success") == ["The person is blocked, and their sessions are ended."]
    status = definition_list(dora)["Status"]
    assert status.startswith("Blocked since 2 Mar 2026")
    assert status.endswith("somebody else may use the account")
    assert olga.submit("Save", name="Thief").status_code in (307, 422), "sign-in asks first"
    assert user(OLGA).name == "Olga Owner"
    assert sign_in(visitor, OLGA, PASSWORD) == sign_in(visitor, OLGA, "a wrong password")
    assert mails_to(OLGA)[-1]["Subject"] == "Your account in Test Cloud is blocked"


def test_the_page_for_a_forgotten_password_reads_the_same_and_no_mail_is_sent(
    dora: Browser, browser: Open
) -> None:
    block(dora)
    before, pages = len(mails_to(OLGA)), []
    for email in (OLGA, SAM):
        visitor = browser()
        visitor.get("/forgot")
        visitor.submit("Send link", email=email)
        pages.append(visitor.text.replace(email, ""))
    assert pages[0] == pages[1]
    assert len(mails_to(OLGA)) == before


def test_the_blocked_are_listed_and_unblocked(dora: Browser, browser: Open) -> None:
    dora.get("/operator/people")
    assert "Nobody is blocked." in dora.text
    block(dora)
    dora.get("/operator/people")
    dora.click("Olga Owner")
    assert "Block" not in links(dora)
    dora.click("Unblock")
    dora.submit("Unblock")
    assert notices(dora, "success") == ["The person is unblocked."]
    assert definition_list(dora)["Status"] == "Active"
    assert "Signed in as" in sign_in(browser(), OLGA, PASSWORD)


def test_sessions_are_ended_after_a_question(dora: Browser, browser: Open) -> None:
    olga = browser(OLGA)
    find(dora, OLGA)
    assert definition_list(dora)["Sessions"].startswith("1, last seen ")
    dora.click("End sessions")
    dora.submit("End sessions")
    assert notices(dora, "success") == ["All sessions of the person are ended."]
    assert "End sessions" not in links(dora)
    assert olga.get("/profile").status_code == 303
    assert "Signed in as" in sign_in(browser(), OLGA, PASSWORD)


def test_an_operator_finds_no_button_to_block_themself(dora: Browser) -> None:
    find(dora, DORA)
    assert "Operator of this portal" in definition_list(dora)["Roles"]
    assert "Block" not in links(dora)
    dora.get(f"/operator/people/{user(DORA).id}/block")
    assert dora.submit("Block", reason="other").status_code == 422
    assert "You can’t block yourself." in dora.text
    assert db.session.query(UserSession).filter_by(ended_at=None).count() == 1


def test_a_step_asks_for_the_password_after_ten_minutes(dora: Browser, clock: Clock) -> None:
    clock.forward(minutes=11)
    for step in ("block", "unblock", "end-sessions"):
        answer = dora.get(f"/operator/people/{user(OLGA).id}/{step}", follow_redirects=True)
        assert answer.request.path == "/sign-in/confirm"
