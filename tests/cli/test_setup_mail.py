"""The test mail of set-up: what a failure means, before the words of the system."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from portal.cli import setup_mail
from portal.domain import values
from tests.conftest import make_app
from tests.support.processes import free_port
from tests.support.relay import use_relay
from tests.support.smtp import SmtpServer


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application without a database."""
    app = make_app(f"sqlite:///{tmp_path_factory.mktemp('empty')}/empty.db")
    with app.app_context():
        yield app


def reason() -> str:
    with pytest.raises(setup_mail.TestMailFailed) as caught:
        setup_mail.send(values.email("pat@obrien.example"))
    return str(caught.value).removeprefix("The test mail was NOT handed over: ")


def test_a_host_that_does_not_listen_is_said_in_words(app: Flask) -> None:
    use_relay(app, free_port())
    meaning = "the relay refuses connections at this port (ConnectionRefusedError: [Errno"
    assert reason().startswith(meaning)


def test_a_name_that_nobody_has_is_said_in_words(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    use_relay(app, 25, mail_server="relay.invalid")
    assert reason().startswith("the relay's name can't be found (gaierror: ")


def test_what_tls_and_authentication_lack_is_said_in_words(app: Flask) -> None:
    with SmtpServer("starttls") as relay:
        use_relay(app, relay.port, mail_security="starttls")
        assert reason().startswith("the relay's certificate is not trusted")
        use_relay(app, relay.port, mail_security="tls")
        assert reason().startswith("TLS fails: port and security may not belong together")
    with SmtpServer() as relay:
        account = {"mail_username": "portal", "mail_password": "wrong"}
        use_relay(app, relay.port, **account)
        assert reason().startswith("the relay does not offer what the settings need (SMTPNot")
        relay.replies["rcpt"] = "550 5.1.1 User unknown"
        use_relay(app, relay.port, mail_username="")
        assert reason() == "550 5.1.1 User unknown"
