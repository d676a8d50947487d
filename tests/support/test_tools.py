"""The tests' own tools: a real PostgreSQL, a real Chromium, a real SMTP server."""

import os
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import sync_playwright

from tests.support import chromium, postgres, row_snapshots, smtp

ROOT = Path(__file__).resolve().parent.parent.parent

STARTS_SERVERS = pytest.mark.deploy
"""Left to `make test-deploy`, which .ci/run calls when the tools have changed."""

OTHER_TABLES = (
    "TRUNCATE cloud",
    "DROP INDEX by_name",
    "DROP TRIGGER stays ON cloud",
    "ALTER TABLE cloud DISABLE TRIGGER stays",
    "ALTER TABLE cloud ADD CHECK (name <> 'nowhere')",
    "ALTER TABLE cloud ALTER name SET NOT NULL",
    "CREATE OR REPLACE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
)


def connect(url: str, **options: Any) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), **options)


def execute(url: str, statement: str) -> Any:
    with connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchone()[0] if cursor.description else None  # type: ignore[index]


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def happens(condition: Callable[[], bool], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.fixture
def own_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[postgres.Server]:
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    with postgres.start() as server:
        yield server


@STARTS_SERVERS
def test_postgresql_makes_copies_and_drops_databases(own_server: postgres.Server) -> None:
    template = own_server.create("template")
    assert execute(template, "SHOW timezone") == "UTC"
    assert execute(template, "SHOW server_encoding") == "UTF8"
    assert (
        execute(template, "SELECT datcollate FROM pg_database WHERE datname = current_database()")
        == "C"
    )
    execute(template, "CREATE TABLE cloud AS SELECT 'home' AS name")
    copy = own_server.create("copy", template="template")
    execute(copy, "UPDATE cloud SET name = 'away'")
    assert (
        execute(template, "SELECT name FROM cloud"),
        execute(copy, "SELECT name FROM cloud"),
    ) == (
        "home",
        "away",
    )
    with psycopg.connect(copy.replace("+psycopg", "")):  # an open connection is no obstacle
        own_server.drop("copy")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        execute(copy, "SELECT 1")


@STARTS_SERVERS
def test_rows_are_put_back_unless_a_table_is_another(own_server: postgres.Server) -> None:
    template = own_server.create("template")
    for statement in (
        "CREATE TABLE cloud AS SELECT 'home' AS name",
        "CREATE INDEX by_name ON cloud (name)",
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END'",
        "CREATE TRIGGER stays BEFORE DELETE ON cloud FOR EACH ROW EXECUTE FUNCTION no()",
    ):
        execute(template, statement)
    snapshot = row_snapshots.take(template)
    used = own_server.create("used", template="template")
    for change in ("UPDATE cloud SET name = 'away'", "INSERT INTO cloud VALUES ('new')", "ANALYZE"):
        execute(used, change)
        left_open = connect(used)
        left_open.execute("LOCK TABLE cloud")
        with connect(used) as connection:
            assert row_snapshots.restore(connection, snapshot)
        assert execute(used, "SELECT array_agg(name) FROM cloud") == ["home"]
        left_open.close()
    for number, change in enumerate(OTHER_TABLES):
        changed = own_server.create(f"changed{number}", template="template")
        execute(changed, change)
        with connect(changed) as connection:
            assert not row_snapshots.restore(connection, snapshot), change
    execute(used, "CREATE ROLE guest LOGIN")
    with connect(used.replace("postgres@", "guest@")) as connection:
        assert not row_snapshots.restore(connection, snapshot)


@STARTS_SERVERS
def test_runs_on_one_postgresql_do_not_meet(
    own_server: postgres.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = own_server.create("outside")
    monkeypatch.setenv("TEST_DATABASE_URL", outside.replace("postgresql+psycopg", "postgres"))
    with postgres.start() as first, postgres.start() as second:
        urls = {first.create("same"), second.create("same")}
        assert len(urls) == 2
        assert execute(outside, "SELECT count(*) FROM pg_database WHERE datname LIKE 'same%'") == 2
    assert execute(outside, "SELECT count(*) FROM pg_database WHERE datname LIKE 'same%'") == 0
    monkeypatch.setenv("TEST_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(RuntimeError, match="TEST_DATABASE_URL can't be used"):
        postgres.start()


@STARTS_SERVERS
@pytest.mark.parametrize("end", ["pass", f"os.kill(os.getpid(), {signal.SIGKILL})", "1 / 0"])
def test_postgresql_does_not_outlive_its_tests(end: str) -> None:
    program = (
        "import os; from tests.support import postgres; process = postgres.start()._process\n"
        f"print(process.port, process.home, flush=True); {end}"
    )
    env = {key: value for key, value in os.environ.items() if key != "TEST_DATABASE_URL"}
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout, result.stderr
    port, home = result.stdout.split()
    assert happens(lambda: not is_listening(int(port)) and not Path(home).exists())


class Greeting(BaseHTTPRequestHandler):
    """A page whose script writes its heading."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        script = "document.querySelector('h1').textContent = 'Привет'"
        self.wfile.write(
            f"<!doctype html><title>T</title><h1></h1><script>{script}</script>".encode()
        )

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@STARTS_SERVERS
def test_chromium_renders_a_page_of_ours() -> None:
    executable = chromium.find()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Greeting)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def heading() -> tuple[str, int]:
        with sync_playwright() as playwright:
            launch = playwright.chromium.launch
            browser = launch(
                executable_path=executable.path, env=executable.env, args=executable.args
            )
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.eval_on_selector("h1", "h1 => h1.style.display = 'inline-block'")
            width: int = page.eval_on_selector("h1", "h1 => h1.offsetWidth")
            return page.inner_text("h1"), width

    # A new thread: another test's playwright may be open in this one.
    with ThreadPoolExecutor() as pool:
        text, width = pool.submit(heading).result()
    server.shutdown()
    server.server_close()
    assert text == "Привет"
    assert width > 50, "the letters have no shapes: Chromium has found no fonts"


@STARTS_SERVERS
def test_without_chromium_every_attempt_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(chromium.NoChromium, match=r"CHROMIUM: /nowhere/chromium can't be run"):
        chromium.find()
    monkeypatch.delenv("CHROMIUM")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_DOWNLOAD_HOST", "http://127.0.0.1:1")
    monkeypatch.setattr(chromium, "CACHE", tmp_path / "cache")
    with pytest.raises(chromium.NoChromium) as caught:
        chromium.find()
    attempts = str(caught.value).splitlines()[1:]
    assert [line[2:].split(":")[0] for line in attempts] == [
        *chromium.FINDERS,
        *chromium.INSTALLERS,
    ]


MESSAGE = EmailMessage()
MESSAGE["From"], MESSAGE["To"], MESSAGE["Subject"] = "a@example.com", "b@example.com", "Счёт"
MESSAGE.set_content("one\n.two\n")


@pytest.mark.parametrize("tls", ["plain", "starttls", "tls"])
def test_smtp_takes_a_message_over(tls: Any) -> None:
    with smtp.SmtpServer(tls, require_auth=("user", "secret")) as server:
        context = ssl.create_default_context()
        server.ca.configure_trust(context)
        if tls == "tls":
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                "localhost", server.port, context=context, timeout=5
            )
        else:
            client = smtplib.SMTP("localhost", server.port, timeout=5)
        with client:
            if tls == "starttls":
                client.ehlo()
                assert client.mail("a@example.com")[0] == 530
                client.starttls(context=context)
            with pytest.raises(smtplib.SMTPSenderRefused, match="530"):
                client.send_message(MESSAGE)
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.login("user", "wrong")
            client.login("user", "secret")
            client.send_message(MESSAGE)
        (message,) = server.wait_for(1)
        assert (message["Subject"], message.get_content()) == ("Счёт", "one\n.two\n")
        assert (message.mail_from, message.rcpt_tos) == ("a@example.com", ("b@example.com",))
        with pytest.raises(TimeoutError, match="1 of 2 messages"):
            server.wait_for(2, timeout=0.05)


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "dot"])
def test_smtp_refuses_at(stage: str) -> None:
    with smtp.SmtpServer() as server:

        def send() -> None:
            with smtplib.SMTP("127.0.0.1", server.port, timeout=5) as client:
                client.send_message(MESSAGE)

        server.replies[stage] = "451 4.3.0 Not now"
        with pytest.raises(smtplib.SMTPException, match="451"):
            send()
        server.replies.clear()
        send()
        assert len(server.messages) == 1


CUTS = {"connect": 0, "mail": 0, "rcpt": 0, "data": 0, "dot": 1, "silent": 1, "quit": 1}


@pytest.mark.parametrize(("stage", "dots"), CUTS.items())
def test_smtp_is_cut_at(stage: Any, dots: int) -> None:
    with smtp.CuttingServer(stage) as server:

        def send() -> None:
            client = smtplib.SMTP("127.0.0.1", server.port, timeout=0.3)
            client.send_message(MESSAGE)
            assert stage == "quit", "the message was accepted"
            client.quit()

        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError, TimeoutError)):
            send()
        assert server.dots == dots
        assert len(server.bodies) == (stage == "data" or dots)
        last = server.connections[0].commands[-1:]
        assert (last or ["connect"])[0].lower().startswith(stage if not dots else "")
