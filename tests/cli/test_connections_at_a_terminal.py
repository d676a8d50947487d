"""`flask connection add` and `change`, answered by a person at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import trustme
from flask import Flask

from portal import config, db
from portal.domain import connections
from portal.domain.connections import Connection
from portal.webhook_signatures import new_secret
from tests.support.processes import environment
from tests.support.terminal import Terminal, at_terminal

SECRET = new_secret()


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture
def keys(app: Flask, tmp_path: Path) -> Iterator[Path]:
    config.add_credentials_key(str(tmp_path / "keys"))
    connections.configure_keys(lambda: config.read_credentials_keys(str(tmp_path / "keys")))
    yield tmp_path / "keys"
    connections.configure_keys(list)


def flask(keys: Path, *words: str) -> AbstractContextManager[Terminal]:
    url = db.extension.engine.url.render_as_string(hide_password=False)
    env = environment(url, CREDENTIALS_KEY_FILE=str(keys))
    return at_terminal([sys.executable, "-m", "flask", "--app", "wsgi", *words], env)


def connection() -> Connection:
    found = db.read(lambda: connections.find("Стойка"))
    assert found is not None
    return found


def test_a_wrong_answer_is_asked_for_again_with_its_reason_and_no_secret_is_shown(
    keys: Path, tmp_path: Path
) -> None:
    issuer = tmp_path / "issuer.pem"
    trustme.CA().cert_pem.write_to_path(str(issuer))
    with flask(keys, "connection", "add", "webhook", "Стойка") as terminal:
        for question, wrong, reason, right in (
            ("Endpoint URL", "racks", "Enter an address", "https://racks.example"),
            ("Secret:", "hunter2", "whsec_ and 24 random bytes", SECRET),
            ("CA certificates", "/nowhere", "No such file", str(issuer)),
            ("Console URL", "https://a.example", "Write {id}", "https://a.example/{id}"),
            ("Currency", "euro", "ISO 4217", ""),
        ):
            terminal.answer(question, wrong)
            assert reason in terminal.answer(question, right)
        status, said = terminal.end()
        assert status == 0, said
        assert "is added" in said
        assert "hunter2" not in terminal.screen
        assert SECRET not in terminal.screen
    settings = connection().settings
    assert settings["ca_certificates"].startswith("-----BEGIN CERTIFICATE-----")
    assert (settings["console_url"], settings["currency"]) == ("https://a.example/{id}", "")

    with flask(keys, "connection", "change", "стойка") as terminal:
        terminal.answer("Endpoint URL [https://racks.example]", "https://other.example")
        terminal.answer("Secret:", "", SECRET)
        terminal.answer("CA certificates", "")
        terminal.answer("Console URL", "-")
        terminal.answer("Currency", "USD")
        status, said = terminal.end()
        assert status == 0, said
    changed = connection().settings
    assert changed["url"] == "https://other.example"
    assert changed["ca_certificates"] == settings["ca_certificates"]
    assert (changed["console_url"], changed["currency"]) == ("", "USD")
    assert connections.unseal(connection()) == {"secret": SECRET}
