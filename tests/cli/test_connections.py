"""`flask connection`: add, list, test, default, close, credentials, rekey."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from flask import Flask
from sqlalchemy import select

from portal import config, create_app, db
from portal.domain import connections, metering
from portal.domain.actors import COMMAND
from portal.domain.connections import Connection, Findings
from portal.domain.memberships import CloudIdentity
from tests.cli.test_cli import call
from tests.support.connections import add_connection, stored, use_key, use_kind
from tests.support.memberships import pretend_connection
from tests.support.metering import use_metered
from tests.support.relay import clear_mails
from tests.support.settings import change_settings
from tests.support.world import NINA, SAM


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> Iterator[None]:
    clear_mails()
    yield
    connections.configure_keys(list)


def lines(app: Flask) -> list[str]:
    code, said = call(app, "connection", "list")
    assert code == 0
    return [" ".join(line.split()[1:]) for line in said.splitlines()]


def test_a_connection_is_added_made_the_default_and_the_former_one_closed(app: Flask) -> None:
    assert lines(app) == ["builtin default Portal"]
    code, said = call(app, "connection", "add", "manual", "Own racks")
    assert (code, "is added" in said) == (0, True)
    assert lines(app) == ["builtin default Portal", "manual open Own racks"]
    assert call(app, "connection", "close", "portal")[0] == 1
    assert call(app, "connection", "default", "own racks")[0] == 0
    assert call(app, "connection", "close", "portal")[0] == 0
    assert lines(app) == ["manual default Own racks", "builtin closed Portal"]


def test_a_connection_that_does_not_work_is_not_made_the_default(
    app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_key(tmp_path / "keys")
    use_kind(monkeypatch)
    connection_id = add_connection().id
    code, said = call(app, "connection", "default", "frankfurt")
    assert (code, "Test it first" in said) == (1, True), said
    db.write(lambda: connections.record_test(connection_id, Findings(fault="no such domain")))
    code, said = call(app, "connection", "default", "frankfurt")
    assert (code, "Its last test failed." in said, "no such domain" in said) == (1, True, True)


def test_what_can_not_be_is_a_sentence(app: Flask) -> None:
    code, said = call(app, "connection", "add", "manual", "Portal")
    assert (code, said) == (1, "Error: Another connection has this name.\n")
    assert call(app, "connection", "add", "manual", "x" * 64)[0] == 1
    assert call(app, "connection", "add", "manual", "X", "--set", "url")[0] == 2
    code, said = call(app, "connection", "test", "nowhere")
    assert (code, said.startswith("Error: There is no connection nowhere")) == (1, True)
    for given, words in (
        ("url=x", "url: Enter an address"),
        ("secret=whsec_x", "no setting secret"),
        ("color=red", "it has url, ca_certificates"),
        ("ca_certificates=/nowhere", "No such file"),
    ):
        code, said = call(app, "connection", "add", "webhook", "X", "--set", given)
        assert (code, words in said) == (2, True), said
    change_settings(app, credentials_key_file="")
    code, said = call(app, "connection", "rekey")
    assert (code, said) == (1, "Error: CREDENTIALS_KEY_FILE is not set.\n")


def test_credentials_are_asked_for_sealed_and_sealed_again_with_a_new_key(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_kind(monkeypatch)
    file = tmp_path / "keys"
    url = str(db.extension.engine.url)
    portal = create_app({"CREDENTIALS_KEY_FILE": str(file), "DATABASE_URL": url})
    with portal.app_context():
        assert call(portal, "connection", "rekey")[0] == 0
        assert file.stat().st_mode & 0o777 == 0o600
        connection_id = add_connection().id
        sealed = stored(connection_id).credentials
        code, said = call(portal, "connection", "rekey")
        assert (code, "sealed with it: 1." in said) == (0, True)
        assert stored(connection_id).credentials != sealed
        assert call(portal, "connection", "test", "frankfurt")[0] == 0
        file.write_bytes(file.read_bytes().splitlines()[0])
        assert "can't be decrypted" in call(portal, "connection", "rekey")[1]
        again = portal.test_cli_runner().invoke(
            args=["connection", "change", connection_id], input="new\n"
        )
        assert again.exit_code == 0, again.output
        connection = db.read(lambda: db.session.get_one(Connection, connection_id))
        assert connections.unseal(connection) == {"password": "new"}


def test_a_private_key_is_read_from_a_file_and_sealed(app: Flask, tmp_path: Path) -> None:
    use_key(tmp_path / "keys")
    leaf = trustme.CA().issue_cert("portal.example")
    certificate, key = tmp_path / "portal.crt", tmp_path / "portal.key"
    leaf.cert_chain_pems[0].write_to_path(str(certificate))
    leaf.private_key_pem.write_to_path(str(key))
    given = {"url": "https://lxd.example:8443", "fingerprint": "0A" * 32}
    given["client_certificate"] = str(certificate)
    words = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]

    added = app.test_cli_runner().invoke(
        args=["connection", "add", "lxd", "Racks", *words], input=f"{tmp_path}/none\n{key}\n"
    )

    assert added.exit_code == 0, added.output
    assert f"Private key of that certificate (a file): {key}" in added.output
    connection = db.read(lambda: connections.find("Racks"))
    assert connection is not None
    assert connections.unseal(connection) == {"secret_key": key.read_text().strip()}
    assert connection.settings["fingerprint"] == "0a" * 32
    assert "PRIVATE KEY" not in str(connection.settings)


@pytest.mark.parametrize(("mode", "text"), [(0o644, None), (0o600, "no key")])
def test_a_file_of_keys_that_others_can_read_or_that_is_none_is_refused_at_the_start(
    tmp_path: Path, mode: int, text: str | None
) -> None:
    file = tmp_path / "keys"
    config.add_credentials_key(str(file))
    if text is not None:
        file.write_text(text)
    file.chmod(mode)
    with pytest.raises(config.UnsafeSettings, match="CREDENTIALS_KEY_FILE"):
        config.load({"CREDENTIALS_KEY_FILE": str(file)})
    file.unlink()
    config.load({"CREDENTIALS_KEY_FILE": str(file)})  # gone: connections ask again


def test_a_person_is_mapped_to_an_identity_at_a_connection_and_mapped_no_more(app: Flask) -> None:
    connection_id = db.write(pretend_connection)
    code, said = call(app, "connection", "map", SAM, connection_id, "idp", "sam@idp")
    assert (code, said) == (0, "Their roles by hand on its clouds are ordered for this identity.\n")
    assert identities() == [("idp", "sam@idp")]
    code, said = call(app, "connection", "map", NINA, "paris", "idp", "sam@idp")
    assert (code, said) == (1, "Error: Another person is mapped to this identity.\n")
    code, said = call(app, "connection", "map", NINA, "portal", "idp", "nina@idp")
    assert (code, "Test it first" in said) == (1, True)
    assert call(app, "connection", "unmap", SAM, "paris")[0] == 0
    assert identities() == []


def identities() -> list[tuple[str, str]]:
    query = select(CloudIdentity.provider, CloudIdentity.subject)
    return db.read(lambda: [tuple(row) for row in db.session.execute(query)])


def test_rates_are_set_without_entering_credentials_again(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_metered(monkeypatch, "usage-sample")
    change = "connection", "change", "Frankfurt"
    code, said = call(app, *change, "--rate", "cpu=0.01", "--rate", "disk=0.1")
    assert (code, said.strip()) == (
        0,
        "The rates are set. The worker delivers days that are over again.",
    )
    (status,) = db.read(lambda: metering.statuses_for(COMMAND)).values()
    assert status.rates is not None
    assert [str(rate) for rate in status.rates[1:]] == ["0.01", "0", "0.1"]
    assert call(app, *change, "--rate", "gpu=1")[0] == 2
    assert call(app, *change, "--rate", "cpu=-1")[0] == 1
