"""A real Chromium against the real server and worker, started as `make run` starts them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests import chromium
from tests.conftest import SETTINGS

ROOT = Path(__file__).resolve().parent.parent.parent
READY_SECONDS = 180  # the demonstration tells a year first


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _tenth in range(READY_SECONDS * 10):
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{url}/sign-in", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demonstration on a free port, with a database and a mailbox of its own."""
    folder, port = tmp_path_factory.mktemp("site"), _free_port()
    url, log = f"http://127.0.0.1:{port}", folder / "log"
    settings = {
        "PORT": str(port),
        "EXTERNAL_URL": url,
        "DATABASE_URL": f"sqlite:///{folder}/portal.db",
        "MAILBOX_DIR": str(folder / "mailbox"),
    }
    environment = {**os.environ, **SETTINGS, **settings}
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "up"]
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
        try:
            _wait_until_ready(url, server, log)
            yield url
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=40)


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    found = chromium.find()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found.path, env=dict(found.env), args=list(found.args)
        )
        yield browser
        browser.close()


def is_fault(message: ConsoleMessage) -> bool:
    """Chromium logs every 422 as an error; a form with errors is not a fault of ours. Nor is a
    request that another one replaced: htmx logs its end, and then that it was aborted."""
    is_abort = re.match("htmx:(afterRequest|sendAbort)", message.text)
    return message.type == "error" and "status of 422" not in message.text and not is_abort


@pytest.fixture
def person(chrome: Browser, site: str) -> Iterator[Callable[..., Page]]:
    """`person()` opens a browser profile of its own; at the end none may have had an error on its
    console, a page error or a report of the content security policy."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_profile(**options: object) -> Page:
        context = chrome.new_context(base_url=site, **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if is_fault(m) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_profile
    for context in contexts:
        context.close()
    assert complaints == []


def sign_in(page: Page, email: str, password: str = "demonstration") -> None:
    """As the demonstration's people do."""
    page.goto("/sign-in")
    page.get_by_label(re.compile("^E-mail")).fill(email)
    page.get_by_label(re.compile("^Password")).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text(email).first.wait_for()
