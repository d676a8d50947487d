"""*Connections*: operators add them, test them, choose the default, close them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete

from portal import db
from portal.domain import circuit_breakers, connections, jobs
from portal.domain.connections import BUILTIN_ID, Findings
from portal.domain.errors import Code
from portal.domain.identity import UserSession
from portal.webhook_signatures import new_secret
from tests.support.answers import csrf_token, definition_list, errors, links, notices
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
    assert "Not tested yet. Test it, then make it the default." in dora.text
    assert definition_list(dora)["Endpoint URL"] == VALUES["url"]
    assert VALUES["password"] not in dora.text
    dora.click("Test")
    dora.submit("Test")
    assert notices(dora, "success") == ["The test waits for a free worker."]
    dora.get("/operator/work/clouds")
    assert "Test the connection Frankfurt" in dora.text


def test_a_connection_that_does_not_work_is_not_made_the_default(
    dora: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_kind(monkeypatch)
    connection_id = add_connection().id
    fault = Findings(fault="http-address-refused", facts={"host": "a", "addresses": "10.0.0.1"})
    for step, words in ((None, "Test it first"), (fault, "add its network to CONNECTION_NETWORKS")):
        if step is not None:
            db.write(lambda: connections.record_test(connection_id, fault))
        dora.get(f"{LIST}/{connection_id}/make-default")
        assert dora.submit("Make default").status_code == 422
        assert words in dora.text
    assert not stored(connection_id).is_default


def test_a_test_says_what_it_can_and_holds_until_the_connection_is_changed(
    dora: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_kind(monkeypatch)
    connection_id = add_connection().id
    page = f"{LIST}/{connection_id}"

    def find(**found: Any) -> None:
        db.write(lambda: connections.record_test(connection_id, Findings(**found)))
        dora.get(page)

    find(missing=("create projects (no)", "create users (no)"))
    assert "create projects (no)" in notices(dora, "warn")[0]
    assert "It can" not in definition_list(dora)
    find(abilities=("access", "suspend"), missing=("read the usage of all projects",))
    assert definition_list(dora)["It can"] == (
        "create, rename and close clouds; give access; suspend"
    )
    find(fault="http-url-wrong")
    assert notices(dora, "warn")[0].startswith("It does not work.")
    dora.click("Change the connection")
    dora.submit("Change", **VALUES)
    assert "It does not work." not in dora.text
    assert "Not tested since the change. Test it, then make it the default." in dora.text
    dora.get(LIST)
    assert "Not tested since the change." in dora.text
    assert stored(connection_id).test_result["abilities"] == ["access", "suspend"]


LONG = "Ünïcode 雲 " * 30
SECRET = new_secret()


def test_a_program_is_added_with_its_faults_at_their_fields_and_no_secret_comes_back(
    dora: Browser,
) -> None:
    dora.get(LIST)
    dora.click("Webhook")
    assert "whsec_$(openssl rand" in dora.text
    wrong = {"url": "racks", "secret": "hunter2", "console_url": "https://a.example"}
    dora.submit("Add", name=LONG, **wrong, ca_certificates="x", currency="euro")
    assert set(errors(dora)) == {"name", *wrong, "ca_certificates", "currency"}
    assert "at most 63" in errors(dora)["name"]
    assert "hunter2" not in dora.text
    name = LONG.strip()[:60]
    dora.submit("Add", name=name, url="https://racks.example", secret=SECRET,
                console_url="", ca_certificates="", currency="eur")  # fmt: skip
    facts = definition_list(dora)
    assert facts["Endpoint URL"] == "https://racks.example"
    assert facts["Currency of costs"] == "EUR"
    assert SECRET not in dora.text


def test_settings_are_changed_and_credentials_entered_again(dora: Browser) -> None:
    dora.get(f"{LIST}/add/openstack")
    openstack = {"auth_url": "https://cloud.example:5000/v3", "domain": "Partner", "username": "p"}
    dora.submit("Add", name="Frankfurt", password="hunter2 hunter2", **openstack)
    assert definition_list(dora)["Token cache, in seconds"] == "300"
    dora.click("Change")
    assert dora.form("/change")["domain"] == "Partner"
    dora.submit("Change", auth_url="https://evil.example", token_cache="no")
    assert set(errors(dora)) == {"password", "token_cache"}
    dora.submit("Change", region="north", password="hunter3 hunter3", token_cache="60")
    assert notices(dora, "success") == ["The connection is changed."]
    facts = definition_list(dora)
    assert (facts["Region"], facts["Token cache, in seconds"]) == ("north", "60")
    assert "hunter" not in dora.text


def test_a_form_that_is_sent_after_the_session_is_kept_without_its_secret(
    dora: Browser, app: Flask
) -> None:
    dora.get(f"{LIST}/add/webhook")
    form = {"csrf_token": csrf_token(dora), "name": "Racks", "secret": SECRET}
    db.write(lambda: db.session.execute(delete(UserSession)))
    dora.post(f"{LIST}/add/webhook", data=form, follow_redirects=True)
    assert "Racks" in dora.form("/sign-in")["carried"]
    assert SECRET not in dora.text


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
