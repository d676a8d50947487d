"""Settings: what production refuses, what a local run may leave out, and their table."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from portal import config
from tests.support.settings import clear_environment

ROOT = Path(__file__).resolve().parent.parent
SAFE = {
    "PORTAL_ENV": "production",
    "EXTERNAL_URL": "https://partners.test.example",
    "SECRET_KEY": "gGxhq2vW5nA8sZpT0uYc4rEbKd7mJfLo",
    "PRODUCT_NAME": "Test Cloud",
    "MAIL_SERVER": "relay.test.example",
    "MAIL_DEFAULT_SENDER": "portal@test.example",
}


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty project folder, and an environment that sets nothing."""
    clear_environment(monkeypatch, tmp_path)
    return tmp_path


def faults(**settings: str) -> list[str]:
    """What the start is refused with, line by line."""
    with pytest.raises(config.UnsafeSettings) as caught:
        config.load(settings)
    first, *lines = str(caught.value).split("\n- ")
    assert first == "The portal does not start:"
    return lines


# Production


def test_production_starts_with_safe_settings() -> None:
    values = config.load(SAFE)
    assert values.external_url == "https://partners.test.example"
    assert (values.initial_grant, values.mail_security) == (Decimal(0), "starttls")


@pytest.mark.parametrize("name", [name for name in SAFE if name != "PORTAL_ENV"])
@pytest.mark.parametrize("value", ["", "   ", None])
def test_production_names_what_is_missing(name: str, value: str | None) -> None:
    settings = {key: text for key, text in SAFE.items() if key != name or value is not None}
    if value is not None:
        settings[name] = value
    assert faults(**settings) == [f"{name} is missing"]


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("EXTERNAL_URL", "http://partners.test.example", "EXTERNAL_URL must begin with https://"),
        ("SECRET_KEY", "short", "SECRET_KEY is too weak"),
        ("SECRET_KEY", "abababababababababababababababababab", "SECRET_KEY is too weak"),
        ("SECRET_KEY_OLD", "k9" * 40, "SECRET_KEY_OLD has a key that is too weak"),
        ("SECRET_KEY_OLD", f"{SAFE['SECRET_KEY']},short", "SECRET_KEY_OLD has a key that is too"),
        ("MAIL_SECURITY", "plain", "MAIL_SECURITY plain"),
        ("MAIL_SECURITY", "none", "MAIL_SECURITY must be one of"),
        ("MAIL_DEFAULT_SENDER", "Portal <portal@test.example>", "MAIL_DEFAULT_SENDER must be"),
    ],
)
def test_production_names_what_is_unsafe(name: str, value: str, named: str) -> None:
    (fault,) = faults(**{**SAFE, name: value})
    assert fault.startswith(named)


def test_all_faults_are_told_at_once() -> None:
    found = faults(
        PORTAL_ENV="production",
        EXTERNAL_URL="http://partners.test.example",
        PORT="zero",
        SECRET_KEY="short",
        MAIL_SERVER="relay.test.example",
        MAIL_SECURITY="plain",
        MAIL_CA_FILE="/nowhere",
    )
    assert sorted(line.split()[0] for line in found) == [
        "EXTERNAL_URL",
        "MAIL_CA_FILE",
        "MAIL_DEFAULT_SENDER",
        "MAIL_SECURITY",
        "PORT",
        "PRODUCT_NAME",
        "SECRET_KEY",
    ]


@pytest.mark.parametrize("value", ["production ", "prod", "Production", "LOCAL"])
def test_nothing_but_local_is_local(value: str) -> None:
    assert "SECRET_KEY is missing" in faults(PORTAL_ENV=value)


def test_a_refusal_repeats_no_secret() -> None:
    secrets = {"SECRET_KEY": "hunter2", "SECRET_KEY_OLD": "hunter1", "MAIL_PASSWORD": "swordfish"}
    told = "\n".join(faults(**{**SAFE, **secrets}))
    assert not any(secret in told for secret in secrets.values())


# A local run


@pytest.mark.parametrize("settings", [{}, {"PORTAL_ENV": ""}, {"PORTAL_ENV": " local "}])
def test_a_local_run_needs_no_settings(settings: dict[str, str]) -> None:
    values = config.load(settings)
    assert values.portal_env == "local"
    assert values.external_url == "http://127.0.0.1:8000"
    assert values.product_name == "Northfold Cloud"
    assert values.initial_grant == Decimal(4000)
    assert len(values.secret_key) >= config.MIN_SECRET_LENGTH


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("localhost", "http://localhost:81"),
        ("LocalHost", "http://localhost:81"),
        ("::1", "http://[::1]:81"),
        ("[::1]", "http://[::1]:81"),
        ("0:0:0:0:0:0:0:1", "http://[::1]:81"),
    ],
)
def test_a_local_runs_address_is_where_it_listens(host: str, url: str) -> None:
    assert config.load({"HOST": host, "PORT": "81"}).external_url == url


def test_a_secret_is_made_once_and_kept_for_the_owner_alone(root: Path) -> None:
    first = config.load().secret_key
    file = root / "instance" / "secret_key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert config.load().secret_key == first == file.read_text()
    assert config.load({"SECRET_KEY": "mine"}).secret_key == "mine"
    file.unlink()
    assert config.load().secret_key != first


def test_processes_that_start_together_agree_on_the_secret() -> None:
    with ThreadPoolExecutor(8) as pool:
        found = {future.result().secret_key for future in [
            pool.submit(config.load) for _ in range(8)
        ]}  # fmt: skip
    assert len(found) == 1
    assert len(found.pop()) >= config.MIN_SECRET_LENGTH


def test_the_environment_comes_before_the_file_and_both_before_the_default(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / ".env").write_text("PRODUCT_NAME='Of the file'\nCURRENCY=USD\n")
    assert config.load().product_name == "Of the file"
    monkeypatch.setenv("PRODUCT_NAME", "Of the environment")
    values = config.load()
    assert values.product_name == "Of the environment"
    assert (values.currency, values.time_zone) == ("USD", "UTC")


# Mail


@pytest.mark.parametrize("server", ["127.0.0.1", "localhost", "::1"])
@pytest.mark.parametrize("environment", ["local", "production"])
def test_plain_smtp_is_accepted_to_this_machine(server: str, environment: str) -> None:
    own = SAFE if environment == "production" else {}
    values = config.load({**own, "MAIL_SERVER": server, "MAIL_SECURITY": "plain"})
    assert values.mail_security == "plain"


@pytest.mark.parametrize("server", ["relay.test.example", "10.0.0.1", "localhost.evil.example"])
def test_plain_smtp_to_another_machine_is_refused_even_locally(server: str) -> None:
    (fault,) = faults(MAIL_SERVER=server, MAIL_SECURITY="plain")
    assert fault.startswith("MAIL_SECURITY plain")


@pytest.mark.parametrize(
    ("name", "value"),
    [("HOST", "0.0.0.0"), ("HOST", "192.168.1.7"), ("EXTERNAL_URL", "https://portal.example")],
)
def test_a_local_run_is_for_this_machine_alone(name: str, value: str) -> None:
    (fault,) = faults(**{name: value})
    assert fault.startswith(name)
    assert "only PORTAL_ENV=production starts" in fault


def test_production_does_not_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    (fault,) = faults(**SAFE)
    assert fault.startswith("FLASK_DEBUG")


@pytest.mark.parametrize(
    ("settings", "has_mailbox"),
    [
        ({}, True),
        ({"HOST": "localhost"}, True),
        ({"HOST": "::1"}, True),
        ({"MAIL_SERVER": "relay.test.example"}, False),
        (SAFE, False),
        ({**SAFE, "HOST": "127.0.0.1"}, False),
    ],
)
def test_mails_become_files_only_locally_on_a_loopback_address_without_a_relay(
    root: Path, settings: dict[str, str], has_mailbox: bool
) -> None:
    wanted = root / "instance" / "mailbox" if has_mailbox else None
    assert config.mailbox_dir(config.load(settings)) == wanted


# The table


def test_the_document_has_the_table_of_settings() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    between = re.search(r"<!-- settings -->\n(.*)\n<!-- /settings -->", text, re.S)
    assert between is not None
    assert between[1].strip() == config.settings_table()


def test_the_table_has_a_row_for_each_setting_with_default_and_meaning() -> None:
    rows = [line.split(" | ") for line in config.settings_table().splitlines()[2:]]
    assert [row[0].strip("| `") for row in rows] == [s.name for s in config.SETTINGS]
    assert all(len(row) == 3 and row[1].strip() and len(row[2]) > 5 for row in rows)


# The installer


def test_the_installer_reads_the_external_url() -> None:
    found = re.findall(r"python -c '([^']+)'", (ROOT / "deploy" / "install").read_text())
    assert found, "what deploy/install asks of the settings"
    for program in found:
        asked = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=os.environ | SAFE,
            capture_output=True,
            text=True,
            check=True,
        )
        assert asked.stdout == SAFE["EXTERNAL_URL"] + "\n"


@pytest.mark.parametrize("value", ["10.0.0.1/8", "racks", "10.0.0.0/8 fd00::/8"])
def test_networks_of_connections_are_networks(value: str) -> None:
    assert faults(CONNECTION_NETWORKS=value)[0].startswith("CONNECTION_NETWORKS must be networks")
    networks = config.load({"CONNECTION_NETWORKS": "10.0.0.0/8, fd00::/8"}).connection_networks
    assert [str(network) for network in networks] == ["10.0.0.0/8", "fd00::/8"]
