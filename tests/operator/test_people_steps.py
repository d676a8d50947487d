"""*People*: operators disable, enable and appoint a person, and allow an address to sign up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal import db
from portal.domain import access, values, workflows
from portal.domain.access import AccountRole
from portal.domain.errors import Forbidden
from portal.domain.identity import AllowedEmail, User
from tests.support.answers import errors, links, notices
from tests.support.browser import Browser
from tests.support.work import appoint_operator
from tests.support.world import DORA, EDDIE, NINA, OLGA, World, signed_in, user

Open = Callable[..., Browser]


@pytest.fixture
def dora(app: Flask, browser: Open) -> Browser:
    """Dora's browser; she is an operator."""
    appoint_operator()
    return browser(DORA)


def find(client: Browser, email: str) -> None:
    client.get("/operator/people")
    client.submit("Find", email=email)


def state_of(email: str) -> User:
    return db.read(lambda: user(email))


def test_who_owns_alone_is_disabled_with_a_new_owner_and_enabled_again(
    dora: Browser, world: World
) -> None:
    find(dora, OLGA)
    dora.click("Disable")
    dora.submit("Disable")
    assert state_of(OLGA).disabled_at is None
    assert "They alone own:" in dora.text
    dora.submit("Disable", heir="nobody@nowhere.example")
    assert errors(dora) == {"heir": "No account here has this address."}
    dora.submit("Disable", heir=EDDIE)
    assert notices(dora, "success") == ["The person is disabled, and their sessions are ended."]
    assert state_of(OLGA).disabled_at is not None
    owners = db.read(lambda: access.users_with_role(world.north, frozenset({AccountRole.OWNER})))
    assert user(EDDIE).id in owners
    dora.click("Enable")
    dora.submit("Enable")
    assert state_of(OLGA).disabled_at is None


def test_a_person_is_made_operator(dora: Browser, browser: Open, world: World) -> None:
    find(dora, NINA)
    dora.click("Make operator")
    dora.submit("Make operator")
    assert notices(dora, "success") == ["The person is an operator."]
    assert "Make operator" not in links(dora)
    assert browser(NINA).get("/operator").status_code == 200


def test_an_address_is_allowed_to_sign_up(dora: Browser, world: World) -> None:
    dora.get("/operator/people")
    dora.click("Allow an address")
    dora.submit("Allow", email="New@Comer.example")
    assert notices(dora, "success") == ["The address may sign up."]
    key = values.email("new@comer.example").key
    assert db.read(lambda: db.session.get(AllowedEmail, key)) is not None


def test_an_operator_does_not_disable_themself(dora: Browser, world: World) -> None:
    find(dora, DORA)
    assert {"Disable", "Block", "Make operator"}.isdisjoint(links(dora))
    by = signed_in(DORA)
    with pytest.raises(Forbidden):
        db.write(lambda: workflows.disable_user(user(DORA), by=by))
    assert state_of(DORA).disabled_at is None
