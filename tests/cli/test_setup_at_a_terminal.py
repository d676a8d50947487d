"""Commands that ask, answered by a person at a terminal."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import click
import pytest
from dotenv import dotenv_values
from flask import Flask

from portal import cli, config
from portal.cli import setup
from tests.conftest import Databases
from tests.support.processes import ROOT, environment, file_modes, free_port
from tests.support.smtp import SmtpServer
from tests.support.terminal import Terminal, at_terminal

SETUP = (
    "from pathlib import Path; from portal.cli import setup; setup.ENV = Path({!r}); setup.main()"
)
PASSWORD = "a fine long password"
REVIEW = "q: stop:"


@pytest.fixture
def env(tmp_path: Path) -> Path:
    """Where the settings are written; never the project's own file."""
    return tmp_path / ".env"


def without_settings() -> dict[str, str]:
    """The environment, which answers no question."""
    own = {setting.name for setting in config.SETTINGS} | {"PORTAL_PASSWORD"}
    return {name: value for name, value in os.environ.items() if name not in own}


def setting_up(env: Path) -> AbstractContextManager[Terminal]:
    command = [sys.executable, "-c", SETUP.format(str(env))]
    return at_terminal(command, without_settings(), umask=0o022)


def take_defaults(terminal: Terminal) -> None:
    for question in ("sign up", "Time zone", "[EUR]", "[UTC]"):
        terminal.answer(question, "")


def answer_about_mail(terminal: Terminal, port: int) -> None:
    for question, answer in (
        ("SMTP relay", "127.0.0.1"),
        ("Its port", str(port)),
        ("Its security", "plain"),
        ("Certificates", ""),
        ("Account", ""),
        ("Address mails come from", "portal@obrien.example"),
    ):
        terminal.answer(question, answer)


def answer_about_oneself(terminal: Terminal) -> None:
    terminal.answer("account's name", "O'Brien Integration")
    terminal.answer("own e-mail", "pat@obrien.example")
    terminal.answer("own name", "Pat O'Brien")
    terminal.answer("own password", PASSWORD)
    terminal.answer("Repeat", PASSWORD)


def test_setup_asks_again_with_the_reason_and_writes_after_a_review(env: Path) -> None:
    database = env.with_name("portal.db")
    refused = {
        "people read it": ("\udcff\udcfe", "not UTF-8", "O'Brien's Cloud"),
        "(https://": ("http://p.example", "must begin with https", "https://p.obrien.example"),
        "Database [": ("mysql://h/n", "Database must begin with sqlite", f"sqlite:///{database}"),
        "sign up (": ("all", "must be one of: open, invited, closed", "invited"),
        "Time zone (": ("Berlin", "must be a time zone", "Europe/Berlin"),
        "Currency (": ("eur", "ISO 4217", "EUR"),
        "billing days [Europe/Berlin]": ("Bonn", "must be a time zone", ""),
        "SMTP relay (": ("", "SMTP relay is missing", "127.0.0.1"),
        "Its port [": ("0", "whole number", "25"),
        "Its security (": ("none", "must be one of", "plain"),
        "system's (": ("/nowhere", "in PEM form", "-"),
        "Account": ("${USER}", "would be replaced", ""),
        "come from:": ("Portal <p@o.example>", "address alone", "portal@obrien.example"),
        "account's name": (" ", "is required", "O'Brien Integration"),
        "own e-mail": ("pat", "exactly one @", "pat@obrien.example"),
        "own name": ("a\x07b", "U+0007", "Pat"),
        "own password": ("pat@obrien.example", "easy to guess", PASSWORD),
    }
    with SmtpServer() as relay, setting_up(env) as terminal:
        for question, (wrong, reason, right) in refused.items():
            terminal.answer(question, wrong)
            assert reason in terminal.answer(question, right)
        terminal.answer("Repeat", "another one")
        terminal.answer("own password", PASSWORD)
        terminal.answer("Repeat", PASSWORD)
        assert "Nothing is set up yet" in terminal.answer(REVIEW, "9")
        terminal.answer("Its port [25]", str(relay.port))
        assert re.search(r"9  Its port +\d+\n", terminal.answer(REVIEW, "13"))
        terminal.answer("Account", "portal")
        terminal.answer("Its password", "")
        assert "The account needs its password" in terminal.answer("Its password", "s3cret")
        assert re.search("13  Its password +given", terminal.answer(REVIEW, "12"))
        terminal.answer("Account at the relay (empty: none) [portal]", "-")
        terminal.expect(REVIEW)
        kept = dotenv_values(env.with_name(".env.answers"))
        assert (kept["EMAIL"], env.exists(), database.exists()) == (
            "pat@obrien.example",
            False,
            False,
        )
        assert file_modes(env.parent).keys() == {"0o600"}
        terminal.type("y")
        status, said = terminal.end()
    assert status == 0, said
    assert "A test mail to pat@obrien.example was handed over: 250" in said
    settings = dotenv_values(env)
    own = (settings["PRODUCT_NAME"], settings["SIGN_UP"], settings["BILLING_TIME_ZONE"])
    assert own == ("O'Brien's Cloud", "invited", "Europe/Berlin")
    assert set(env.parent.iterdir()) >= {env, database}
    assert not env.with_name(".env.answers").exists()
    modes = file_modes(env.parent)
    assert (modes.keys(), modes["0o700"]) == ({"0o600", "0o700"}, {"instance"})
    assert PASSWORD not in terminal.screen


@pytest.mark.deploy
def test_an_interrupted_setup_keeps_all_answers_but_passwords(env: Path) -> None:
    with setting_up(env) as terminal:
        terminal.answer("people read it", "O'Brien's Cloud")
        terminal.answer("(https://", "https://p.obrien.example")
        terminal.answer("Database", "postgresql://portal:s3cret@127.0.0.1:1/portal?sslmode=disable")
        take_defaults(terminal)
        terminal.answer("SMTP relay", "127.0.0.1")
        terminal.answer("Its port", "25")
        terminal.answer("Its security", "plain")
        terminal.answer("Certificates", "")
        terminal.answer("Account", "relay's user")
        terminal.answer("Its password", "relay's password")
        terminal.expect("Address mails")
        terminal.interrupt()
        status, said = terminal.end()
    assert (status, "keeps your answers, but no password" in said) == (1, True)
    assert [path.name for path in env.parent.iterdir()] == [".env.answers"]
    assert not re.search("s3cret|relay's password", env.with_name(".env.answers").read_text())
    with setting_up(env) as terminal:
        for question in ("[O'Brien's Cloud]", "obrien.example]", "portal@127.0.0.1:1/portal"):
            terminal.answer(question, "")
        take_defaults(terminal)
        for question in ("[127.0.0.1]", "[25]", "[plain]", "Certificates", "s user]"):
            terminal.answer(question, "")


@pytest.mark.deploy
def test_a_failure_leads_back_to_the_answers(env: Path) -> None:
    """Of the database and of the relay: nothing is written before both work."""
    database = env.with_name("portal.db")
    with SmtpServer() as relay, setting_up(env) as terminal:
        terminal.answer("people read it", "O'Brien's Cloud")
        terminal.answer("(https://", "https://p.obrien.example")
        terminal.answer("Database", "postgresql://portal:s3cret@127.0.0.1:1/portal")
        take_defaults(terminal)
        answer_about_mail(terminal, free_port())
        answer_about_oneself(terminal)
        terminal.answer(REVIEW, "y")
        assert "Connection refused" in terminal.answer(REVIEW, "3")
        terminal.answer("[(postgresql://portal:***@127.0.0.1:1/portal)]", "sqlite:////proc/no/p.db")
        terminal.answer(REVIEW, "y")
        assert "/proc/no: No such file" in terminal.answer(REVIEW, "3")
        terminal.answer("Database", f"sqlite:///{database}")
        terminal.answer(REVIEW, "y")
        refused = "NOT handed over: the relay refuses connections at this port (ConnectionRefused"
        assert refused in terminal.answer("Correct your answers?", "y")
        terminal.answer(REVIEW, "9")
        terminal.answer("Its port", str(relay.port))
        relay.replies["rcpt"] = "550 5.1.1 User unknown"
        terminal.answer(REVIEW, "y")
        assert "NOT handed over: 550 5.1.1 User" in terminal.answer("Correct your answers?", "y")
        del relay.replies["rcpt"]
        terminal.answer(REVIEW, "16")
        terminal.answer("own e-mail", "pat@corrected.example")
        assert not env.exists()
        terminal.answer(REVIEW, "y")
        status, said = terminal.end()
        assert (status, "was handed over: 250" in said) == (0, True)
        assert [message["To"] for message in relay.messages] == ["pat@corrected.example"]
    assert dotenv_values(env)["MAIL_PORT"] == str(relay.port)
    assert '"event"' not in terminal.screen, "no log lines"
    with setting_up(env) as terminal:
        status, said = terminal.end()
    assert (status, "is set up already, for pat@corrected.example" in said) == (1, True)
    assert not env.with_name(".env.answers").exists()


@pytest.fixture
def url(databases: Databases) -> Iterator[str]:
    """A database of its own, with the cast."""
    copy, _world = databases.copy("sqlite")
    yield copy
    databases.drop(copy)


def flask(url: str, *words: str) -> AbstractContextManager[Terminal]:
    return at_terminal([sys.executable, "-m", "flask", "--app", "wsgi", *words], environment(url))


@pytest.mark.deploy
def test_commands_ask_at_a_terminal(url: str, tmp_path: Path) -> None:
    with flask(url, "user", "create", "zoe@new.example") as terminal:
        terminal.answer("Name", "")
        terminal.answer("Name", "a\x07b")
        assert "U+0007" in terminal.answer("Name", "Zoë")
        terminal.answer("Password", "zoe@new.example")
        assert "easy to guess" in terminal.answer("Password", PASSWORD)
        terminal.answer("confirm", PASSWORD)
        assert terminal.end()[0] == 0
    with flask(url, "backup", str(tmp_path / "backup")) as terminal:
        assert terminal.end()[0] == 0
    for answer, status in (("n", 1), ("y", 0)):
        with flask(url, "restore", str(tmp_path / "backup")) as terminal:
            assert "is lost" in terminal.answer("[y/N]", "what?")
            assert "invalid input" in terminal.answer("[y/N]", answer)
            assert terminal.end()[0] == status


INSTALL = """. deploy/installation.sh
eval "$(sed -n '/^settings()/,/^}/p' deploy/install)"
version=first; settings "$@"; say "Installed for $name"
"""


@pytest.mark.deploy
def test_the_installer_asks_at_a_terminal(tmp_path: Path) -> None:
    """A stopped installation goes on with the answers that it was given."""
    version = tmp_path / "versions" / "first"
    for name in ("portal", "migrations"):
        shutil.copytree(ROOT / name, version / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "wsgi.py", version)
    (version / ".venv").symlink_to(sys.prefix)
    (tmp_path / "instance").mkdir()
    for name in (".env", "instance"):
        (version / name).symlink_to(tmp_path / name)
    around = without_settings() | {
        "PORTAL_HOME": str(tmp_path),
        "PORTAL_USER": pwd.getpwuid(os.geteuid()).pw_name,
    }
    given = ["--product-name", "O'Brien's Cloud", "--currency", "EUR"]
    command = ["sh", "-euc", INSTALL, "-", *given]
    with at_terminal(command, around, umask=0o022) as terminal:
        terminal.answer("(https://", "https://p.obrien.example")
        terminal.expect("Database")
        terminal.press(b"\x04")
        assert terminal.end()[0] == 1
    with SmtpServer() as relay, at_terminal(command, around, umask=0o022) as terminal:
        terminal.answer("[https://p.obrien.example]", "")
        for question in ("Database", "sign up", "Time zone", "billing days"):
            terminal.answer(question, "")
        answer_about_mail(terminal, relay.port)
        answer_about_oneself(terminal)
        terminal.answer(REVIEW, "y")
        status, said = terminal.end()
    assert (status, "Installed for p.obrien.example" in said) == (0, True), said
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o400
    assert file_modes(tmp_path / "instance").keys() == {"0o600"}


def test_every_prompt_of_a_command_is_known() -> None:
    """Click calls the callback of a prompted value twice: try a new prompt at a terminal."""
    app = Flask("commands")
    cli.register(app)

    def prompts(command: click.Command, name: str) -> Iterator[str]:
        for each in command.params:
            if isinstance(each, click.Option) and each.prompt:
                yield f"{name} --{each.name}"
        if isinstance(command, click.Group):
            for own_name, own in command.commands.items():
                yield from prompts(own, f"{name} {own_name}".strip())

    known = ["user create --name", "user create --password"]
    assert sorted([*prompts(app.cli, ""), *prompts(setup.setup, "setup")]) == known
