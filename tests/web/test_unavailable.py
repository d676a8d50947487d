"""A busy, full, read-only or unreachable database answers 503, and keeps what was typed."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal import db
from portal.domain import identity
from portal.domain.actors import COMMAND
from portal.domain.connections import KINDS
from portal.domain.customers import CustomerNote
from tests.conftest import make_app
from tests.support.answers import definition_list
from tests.support.browser import Browser
from tests.support.database_faults import cause
from tests.support.processes import free_port
from tests.support.world import OLGA, World, all_rows, user

Open = Callable[..., Browser]

SENTENCES = {
    "busy": "The database is busy saving other changes.",
    "full": "The database has no space left.",
    "read-only": "The database accepts no changes now.",
    "away": "The portal works, but its database does not answer.",
}
EACH_FAULT = pytest.mark.parametrize("fault", SENTENCES)
LONG = 'Ж"<&\n' + "Ж" * 2100
"""A note that needs new pages of the database's file."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a lock."""
    monkeypatch.setattr(db.dialects, "WAIT_MS", 20)


@pytest.fixture
def url(cast: tuple[str, World]) -> str:
    return cast[0]


def notes_path(world: World) -> str:
    return f"/partner/{world.north}/customers/{world.ninas_customer}/notes"


def assert_explained(client: Browser, fault: str, log: str) -> None:
    """The page has a sentence of its own, and its ID is in the log, where no trace is."""
    assert SENTENCES[fault] in client.text
    request_id = definition_list(client)["Request ID"]
    assert any(f"reason={fault} request_id={request_id}" in line for line in log.splitlines())
    assert "Traceback" not in log


@EACH_FAULT
def test_a_sent_form_is_kept_and_takes_effect_once_when_sent_again(
    *,
    app: Flask,
    browser: Open,
    world: World,
    url: str,
    fault: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    olga = browser(OLGA)
    olga.get(notes_path(world))
    before = all_rows()
    with cause(fault, url):
        answer = olga.submit("Add note", text=LONG)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == ("5" if fault == "busy" else "60")
        assert_explained(olga, fault, capsys.readouterr().err)
        assert "Nothing was saved." in olga.text
        assert olga.submit("Send again").status_code == 503
    assert all_rows() == before
    kept = olga.form()
    olga.submit("Send again")
    assert "The note is added." in olga.text
    assert olga.post(notes_path(world), data=kept).status_code == 303
    added = select(func.count()).where(CustomerNote.text == LONG)
    assert db.read(lambda: db.session.scalar(added)) == 1


def test_pages_stay_readable_unless_the_database_is_away(
    app: Flask, browser: Open, world: World, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    olga = browser(OLGA)
    for fault in SENTENCES:
        with cause(fault, url):
            assert olga.get("/none").status_code == (503 if fault == "away" else 404)
            answer = olga.get("/notices?after=")
            assert answer.status_code == (503 if fault == "away" else 200)
            assert olga.get("/healthz").text == "ok\n"
    log = capsys.readouterr().err
    assert_explained(olga, "away", log)
    words = "open database file" if url.startswith("sqlite") else "not currently accepting"
    assert re.search(rf"cause='[^']*{words}.*' endpoint=notifications.index", log.splitlines()[-1])
    assert "Nothing was saved" not in olga.text
    olga.click("Try again")
    assert olga.url.endswith("/notices?after=")
    assert "Notices" in olga.text


def test_htmx_gets_the_sentences_alone_in_the_language_of_who_is_signed_in(
    app: Flask, browser: Open, world: World, url: str
) -> None:
    db.write(lambda: setattr(user(OLGA), "language", "ru"))
    olga = browser(OLGA)
    olga.get(notes_path(world))
    data = olga.form("/notes") | {"text": LONG}
    with cause("full", url):
        page = olga.post(notes_path(world), data=data)
        answer = olga.post(notes_path(world), data=data, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.mimetype) == (503, "text/plain")
    assert answer.text.startswith("В базе данных")
    assert "Ничего не сохранено." in answer.text
    assert ('<html lang="ru"' in page.text, page.headers["Content-Language"]) == (True, "ru")


@EACH_FAULT
@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_command_fails_with_the_sentences(app: Flask, url: str, fault: str) -> None:
    runner = app.test_cli_runner()

    def create(number: int) -> Any:
        arguments = ["user", "create", f"{number}@new.example", "--name", "N"]
        return runner.invoke(args=[*arguments, "--password", "long enough 1"])

    with cause(fault, url):
        # A full file still has some space between its rows.
        results = (create(number) for number in range(100))
        result = next(result for result in results if result.exit_code)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert f"Error: {SENTENCES[fault]}" in result.output
    assert "Nothing was saved." in result.output
    assert create(100).exit_code == 0


def test_the_password_of_a_form_is_not_kept(
    app: Flask, browser: Open, world: World, url: str
) -> None:
    client = browser()
    client.get("/sign-in?next=/console/billing")
    with cause("away", url):
        answer = client.submit("Sign in", email=OLGA, password="correct horse")
        assert answer.status_code == 503
    assert "correct horse" not in answer.text
    assert "It keeps no password" in client.text
    assert client.form()["email"] == OLGA
    client.submit("Send again")
    client.submit("Sign in", password="correct horse")
    assert client.url.endswith("/console/billing")


def test_no_credential_of_a_connection_is_kept(
    app: Flask, browser: Open, world: World, url: str
) -> None:
    db.write(lambda: identity.make_operator(user(OLGA), by=COMMAND))
    client = browser(OLGA)
    for kind, spec in KINDS.items():
        client.get(f"/operator/connections/add/{kind}")
        typed = {name: f"s3cret of {name}" for name in spec.secret_names}
        with cause("away", url):
            answer = client.submit("Add", name="Racks", **typed)
        assert answer.status_code == 503
        assert "s3cret" not in answer.text
        assert client.form()["name"] == "Racks"


def test_a_file_is_not_kept_and_the_page_says_so(
    app: Flask, browser: Open, world: World, url: str
) -> None:
    olga = browser(OLGA)
    path = f"/partner/{world.north}/customers/import"
    olga.get(path)
    with cause("away", url):
        answer = olga.submit("Upload and check", file=(io.BytesIO(b"name\nAcme"), "customers.csv"))
    assert answer.status_code == 503
    assert "Your file is not kept." in olga.text
    assert "Send again" not in olga.text
    olga.click("Back")
    assert olga.url.endswith(path)


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        ({"csrf_token": "x", "name": "Evil Ltd"}, {"Origin": "https://evil.example"}),
        ({"name": "Evil Ltd"}, {}),
        ({"csrf_token": "x", "name": "Evil Ltd" * 40_000}, {}),
    ],
    ids=["of another site", "without a token", "too large"],
)
def test_a_form_that_no_page_of_ours_sent_is_not_offered_again(
    *,
    app: Flask,
    browser: Open,
    world: World,
    url: str,
    data: dict[str, str],
    headers: dict[str, str],
) -> None:
    olga = browser(OLGA)
    with cause("away", url):
        path = f"/partner/{world.north}/customers/add"
        answer = olga.post(path, data=data, headers=headers)
    assert answer.status_code == 503
    assert "Evil Ltd" not in answer.text
    assert "Send again" not in olga.text


def test_a_server_that_does_not_listen_is_away() -> None:
    url = f"postgresql+psycopg://postgres@127.0.0.1:{free_port()}/portal"
    app = make_app(url)
    assert app.test_client().get("/sign-in").status_code == 503
    result = app.test_cli_runner().invoke(args=["db", "upgrade"])
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert f"Error: {SENTENCES['away']}" in result.output
