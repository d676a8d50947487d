"""*Connections*: operators add them, test them, choose the default, close them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from portal import db
from portal.domain import circuit_breakers, connections, jobs
from portal.domain.connections import BUILTIN_ID, Findings
from portal.domain.errors import Code
from tests.support.answers import definition_list, errors, links, notices
from tests.support.browser import Browser
from tests.support.connections import VALUES, add_connection, stored, use_key, use_kind
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import DORA, OLGA

Open = Callable[..., Browser]
LIST = "/operator/connections"


@pytest.fixture
def dora(app: Flask, browser: Open, tmp_path: Path) -> Iterator[Browser]:
    """Dora's browser; she is an operator."""
    clear_mails()
    use_key(tmp_path / "keys")
    appoint_operator()
    yield browser(DORA)
    connections.configure_keys(list)


def test_a_fresh_installation_has_the_built_in_connection(dora: Browser) -> None:
    dora.get(LIST)
    assert {"Portal", "Built in", "By hand"} <= set(links(dora))
    dora.click("Portal")
    facts = definition_list(dora)
    assert (facts["Kind"], facts["State"], facts["To carry out"]) == ("Built in", "Default", "0")
    assert not {"Test", "Make default", "Close"} & set(links(dora))


def test_a_connection_is_added_made_the_default_and_the_former_one_closed(dora: Browser) -> None:
    dora.get(LIST)
    dora.click("By hand")
    dora.submit("Add", name="")
    assert errors(dora) == {"name": "Fill this in; it is required."}
    dora.submit("Add", name="Own racks")
    assert notices(dora, "success") == ["The connection is added."]
    dora.click("Make default")
    assert "New clouds are created here." in dora.text
    dora.submit("Make default")
    assert definition_list(dora)["State"] == "Default"
    dora.get(f"{LIST}/{BUILTIN_ID}/close")
    dora.submit("Close")
    assert definition_list(dora)["State"].startswith("Closed")


def test_a_refusal_is_a_sentence(dora: Browser) -> None:
    dora.get(f"{LIST}/{BUILTIN_ID}/close")
    assert dora.submit("Close").status_code == 422
    assert "Make another one the default first." in dora.text
    dora.get(f"{LIST}/add/manual")
    dora.submit("Add", name="portal")
    assert errors(dora) == {"name": "Another connection has this name."}


def test_settings_and_credentials_are_those_of_the_kind_and_no_secret_is_shown(
    dora: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_kind(monkeypatch)
    dora.get(f"{LIST}/add/pretended")
    dora.submit("Add", name="Frankfurt", url=VALUES["url"])
    assert errors(dora) == {"password": "Fill this in; it is required."}
    dora.submit("Add", **{"name": "Frankfurt", **VALUES})
    assert definition_list(dora)["Address of the program"] == VALUES["url"]
    assert VALUES["password"] not in dora.text
    dora.click("Test")
    dora.submit("Test")
    assert notices(dora, "success") == ["The test waits for a free worker."]
    dora.get("/operator/work/clouds")
    assert "Test the connection Frankfurt" in dora.text


def test_the_list_shows_what_a_test_found_and_what_does_not_answer(
    dora: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_kind(monkeypatch)
    connection_id = add_connection().id
    db.write(lambda: connections.record_test(connection_id, Findings(missing=("create users",))))
    for _ in range(circuit_breakers.OPENS_AFTER):
        lane = jobs.cloud_lane(connection_id)
        db.write(lambda lane=lane: circuit_breakers.record_failure(lane, "timed out"))
    dora.get(LIST)
    assert "Missing: create users." in dora.text
    assert "No answer" in dora.text
    dora.get("/operator/work")
    assert "Clouds: no answer since" in dora.text


def test_a_connection_whose_credentials_can_not_be_decrypted_says_what_to_do(
    dora: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_kind(monkeypatch)
    connection_id = add_connection().id
    connections.configure_keys(list)
    dora.get(f"{LIST}/{connection_id}")
    assert "Enter them again" in links(dora)
    dora.get(f"{LIST}/{connection_id}/test")
    assert dora.submit("Test").status_code == 422
    assert stored(connection_id).tested_at is None
    assert Code.CREDENTIALS_UNREADABLE == "credentials-unreadable"


def test_nobody_else_sees_connections(app: Flask, browser: Open) -> None:
    olga = browser(OLGA)
    for path in ("", f"/{BUILTIN_ID}", "/add/manual", f"/{BUILTIN_ID}/close"):
        assert olga.get(LIST + path).status_code == 404
