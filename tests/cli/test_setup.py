"""The first real installation, with a real relay."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from dotenv import dotenv_values

from portal import config, create_app, db
from portal.cli import setup
from portal.domain import accounts, audit, identity
from portal.domain.accounts import Mode
from tests.conftest import SETTINGS, Databases
from tests.support.smtp import SmtpServer

pytestmark = pytest.mark.deploy

ANSWERS = {
    "product-name": "O'Brien's Cloud",
    "external-url": "https://partners.obrien.example",
    "currency": "EUR",
    "mail-server": "127.0.0.1",
    "mail-security": "plain",
    "mail-ca-file": "",
    "mail-username": "",
    "mail-password": "",
    "mail-default-sender": "portal@obrien.example",
    "partner-name": "O'Brien Integration",
    "email": "pat@obrien.example",
    "name": "Pat O'Brien",
    "password": "a fine long password",
}
SECRETS = {
    "DATABASE_URL": "database-url",
    "MAIL_PASSWORD": "mail-password",
    "PORTAL_PASSWORD": "password",
}


@pytest.fixture
def url(databases: Databases, kind: str) -> Iterator[str]:
    found = databases.empty(kind)
    yield found
    databases.drop(found)


def run_setup(
    env: Path, url: str, port: int, *, around: dict[str, str] | None = None, **different: str
) -> Result:
    """With its answers as options, but those that are set in its environment."""
    answers = {**ANSWERS, "database-url": url, "mail-port": str(port), **different}
    for name in SECRETS.keys() & (around or {}).keys():
        del answers[SECRETS[name]]
    given = [word for name, value in answers.items() for word in (f"--{name}", value)]
    return CliRunner().invoke(setup.setup, given, env=around)


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the settings are written; never the project's own file."""
    path = tmp_path / ".env"
    monkeypatch.setattr(setup, "ENV", path)
    return path


def test_setup_makes_operator_and_paid_partner_and_the_test_mail_arrives(
    env: Path, url: str
) -> None:
    with SmtpServer() as relay:
        result = run_setup(env, url, relay.port)
        assert result.exit_code == 0, result.output
        relay.wait_for(1)
    assert "A test mail to pat@obrien.example was handed over: 250" in result.output
    assert relay.messages[0]["To"] == "pat@obrien.example"
    app = create_app({key: value or "" for key, value in dotenv_values(env).items()})
    with app.app_context():
        assert config.current().product_name == "O'Brien's Cloud"
        user = identity.user_by_email("pat@obrien.example")
        assert user is not None
        assert user.is_operator
        own = accounts.first_own_account(user)
        assert own is not None
        assert (own.kind, own.mode, own.name) == ("partner", Mode.PAID, "O'Brien Integration")
        summary = audit.summary()
        assert summary.keyed == summary.chains == 2, "each line from the first is keyed"
        key_file = Path(config.current().audit_key_file)
        assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
        db.session.remove()
        db.extension.engine.dispose()


def test_setup_keeps_its_settings_from_other_users_whatever_lay_in_their_place(
    env: Path, url: str
) -> None:
    theirs = env.with_name("theirs")
    theirs.write_text("theirs")
    theirs.chmod(0o666)
    lying = env.with_suffix(".new")
    lying.symlink_to(theirs)
    with SmtpServer() as relay:
        assert run_setup(env, url, relay.port).exit_code == 0
    assert (theirs.read_text(), env.is_symlink(), lying.exists()) == ("theirs", False, False)
    assert stat.S_IMODE(env.stat().st_mode) == 0o600


def test_a_folder_made_for_the_database_is_nobody_elses(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "for it"
    create_app(SETTINGS | {"DATABASE_URL": f"sqlite:///{folder}/portal.db"})
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_secrets_need_not_stand_on_the_command_line_where_everybody_reads_them(
    env: Path, url: str
) -> None:
    around = {"DATABASE_URL": url, "MAIL_PASSWORD": "relay's", "PORTAL_PASSWORD": "from around it"}
    with SmtpServer() as relay:
        result = run_setup(env, url, relay.port, around=around)
    assert result.exit_code == 0, result.output
    settings = dotenv_values(env)
    assert (settings["DATABASE_URL"], settings["MAIL_PASSWORD"]) == (url, "relay's")
    app = create_app({key: value or "" for key, value in settings.items()})
    with app.app_context():
        assert identity.check_password("pat@obrien.example", "from around it") is not None
        db.session.remove()
        db.extension.engine.dispose()


def test_setup_says_that_the_relay_did_not_take_the_mail(env: Path, url: str) -> None:
    with SmtpServer() as relay:
        relay.replies["rcpt"] = "550 5.1.1 User unknown"
        result = run_setup(env, url, relay.port)
    assert result.exit_code == 0
    assert "NOT handed over: 550 5.1.1 User unknown" in result.output
    assert "Mail does not work yet" in result.output


def test_setup_refuses_what_production_would_refuse(env: Path, url: str) -> None:
    result = run_setup(env, url, 25, **{"external-url": "http://partners.obrien.example"})
    assert result.exit_code == 2
    said = "'--external-url': Address people reach the portal at must begin with https://"
    assert said in " ".join(result.output.split())
    assert not env.exists()


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("currency", "XYZW", "Currency must be an ISO 4217 code"),
        ("billing-time-zone", "Europe/Berlinn", "Zone of billing days must be a time zone"),
        ("sign-up", "all", "must be one of: open, invited, closed"),
        ("mail-server", "Europe/Berlin", "SMTP relay must be a host name"),
        ("mail-default-sender", "", "Address mails come from is missing"),
        ("mail-username", "portal", "'--mail-password': The account needs its password"),
        ("mail-port", "0", "whole number"),
        ("mail-security", "none", "one of: starttls, tls, plain"),
        ("email", "nobody", "exactly one @"),
        ("partner-name", " ", "Fill this in; it is required"),
        ("password", "short", "at least 10 characters"),
    ],
)
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_setup_says_what_is_wrong_with_an_answer(
    env: Path, url: str, option: str, value: str, said: str
) -> None:
    result = run_setup(env, url, 25, **{option: value})
    assert result.exit_code == 2
    assert said in result.output
    assert not env.exists()


def test_setup_is_for_a_new_database_only(env: Path, url: str) -> None:
    with SmtpServer() as relay:
        assert run_setup(env, url, relay.port).exit_code == 0
        again = run_setup(env, url, relay.port, email="other@obrien.example")
        assert (again.exit_code, len(relay.messages)) == (1, 1)
        assert "is set up already, for pat@obrien.example" in again.output
        assert f"remove {env}" in again.output
        env.unlink()
        elsewhere = run_setup(env, url, relay.port)
    assert elsewhere.exit_code == 2
    assert "has users, such as pat@obrien.example" in elsewhere.output
    assert not env.exists()


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_without_a_terminal_defaults_answer(env: Path, url: str) -> None:
    with SmtpServer() as relay:
        result = run_setup(env, url, relay.port, **{"time-zone": "Europe/Berlin"})
    assert result.exit_code == 0, result.output
    settings = dotenv_values(env)
    assert (settings["BILLING_TIME_ZONE"], settings["SIGN_UP"]) == ("Europe/Berlin", "open")
