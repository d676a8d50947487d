"""*People* of a connection: operators map people to identities there, as the command does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal import db
from portal.domain import connections
from portal.domain.connections import BUILTIN_ID, Findings
from portal.domain.memberships import CloudIdentity
from tests.support.answers import errors, links, notices
from tests.support.browser import Browser
from tests.support.claims import map_person
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import DORA, SAM, World, user

Open = Callable[..., Browser]
PAGE = f"/operator/connections/{BUILTIN_ID}"


@pytest.fixture
def dora(app: Flask, world: World, browser: Open) -> Browser:
    """Dora's browser; she is an operator."""
    clear_mails()
    appoint_operator()
    return browser(DORA)


def federate() -> None:
    """Let the built-in connection have found that it knows federated people."""
    db.write(lambda: connections.record_test(BUILTIN_ID, Findings(("federation",), (), 300)))


def identity_of(email: str) -> str | None:
    """The person's identity at the connection."""
    user_id = db.read(lambda: user(email).id)
    row = db.read(lambda: db.session.get(CloudIdentity, (user_id, BUILTIN_ID)))
    return row.subject if row else None


def test_a_person_is_mapped_mapped_again_and_unmapped(dora: Browser) -> None:
    federate()
    dora.get(PAGE)
    dora.click("People of Portal")
    assert "Nobody is mapped" in dora.text
    dora.click("Map a person")
    dora.submit("Map", email=SAM, provider="idp", subject=" sam@idp ")
    assert notices(dora, "success") == ["The person is mapped. Their roles by hand are ordered."]
    assert (identity_of(SAM), "sam@idp" in dora.text) == ("sam@idp", True)
    dora.click("Map a person")
    dora.submit("Map", email=SAM, provider="idp", subject="samuel@idp")
    assert identity_of(SAM) == "samuel@idp"
    dora.click("Unmap: Sam Stranger")
    dora.submit("Unmap")
    assert identity_of(SAM) is None
    assert "Nobody is mapped" in dora.text


def test_the_refusals_are_those_of_the_command(dora: Browser) -> None:
    dora.get(PAGE)
    assert f"{PAGE}/people" not in links(dora).values()
    dora.get(f"{PAGE}/people/map")
    dora.submit("Map", email=SAM, provider="idp", subject="sam@idp")
    assert "People can’t sign in to this connection with an identity of their own." in dora.text
    map_person(DORA, BUILTIN_ID, "dora@idp")
    dora.submit("Map", email=SAM, provider="idp", subject="dora@idp")
    assert "Another person is mapped to this identity." in dora.text
    dora.submit("Map", email="nobody@a.example", provider="", subject="sam@idp")
    assert errors(dora) == {"provider": "Fill this in; it is required."}
    dora.submit("Map", email="nobody@a.example", provider="idp", subject="sam@idp")
    assert list(errors(dora)) == ["email"]
    assert identity_of(SAM) is None
