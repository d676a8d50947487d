"""The demo, served as `make run` serves it, with its own port, database and mailbox."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from tests.conftest import SETTINGS, make_app
from tests.support import access_pages
from tests.support.processes import (
    free_port,
    live_processes,
    read_until,
    run_flask,
    wait_until,
)

ROOT = Path(__file__).resolve().parent.parent.parent
READY_SECONDS = 180  # creating the demo's data takes a while


def first_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run's first start of the demo, to be copied: see `_start_first`.

    Creating the demo takes long, so the first worker of a run does it for all."""
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if is_worker else base) / "first-start"
    with folder.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = tmp_path_factory.mktemp("first-start")
            _start_first(unfinished)
            unfinished.rename(folder)
    return folder


def _start_first(folder: Path) -> None:
    """Start the demo where nothing is, as `make run` does, and stop it with Ctrl-C once its mails
    are delivered.

    Leaves portal.db, keys, the folder mailbox, what the command printed (output), the page for
    signing in (page), and an empty file that is as old as the start (begun)."""
    (folder / "begun").touch()
    url, port, mailbox = f"sqlite:///{folder}/portal.db", free_port(), folder / "mailbox"
    local = {"PORT": str(port), "EXTERNAL_URL": "", "MAILBOX_DIR": str(mailbox)}
    local["CREDENTIALS_KEY_FILE"] = str(folder / "keys")
    with run_flask("up", url, **local) as program:
        (folder / "output").write_text(read_until(program.stdout, "Ctrl-C"))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in", timeout=20) as response:
            (folder / "page").write_bytes(response.read())
        wait_until(lambda: len(list(mailbox.glob("*.eml"))) == 3)
        os.killpg(program.pid, signal.SIGINT)
        assert program.wait(30) == 0
        assert live_processes(program) == set()
    with closing(sqlite3.connect(folder / "portal.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def serve(folder: Path, **changes: str) -> Iterator[str]:
    """The URL of the demo; server and worker end with the block. `changes` are settings.

    Creates the demo's data if the folder has no portal.db."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    url, log = f"http://127.0.0.1:{port}", folder / "log"
    settings = {
        "PORT": str(port),
        "EXTERNAL_URL": url,
        "DATABASE_URL": f"sqlite:///{folder}/portal.db",
        "MAILBOX_DIR": str(folder / "mailbox"),
        "CREDENTIALS_KEY_FILE": access_pages.make_keys(folder),
    }
    environment = {**os.environ, **SETTINGS, **settings, **changes}
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "up"]
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
        try:
            _wait_until_ready(url, server, log)
            yield url
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=40)


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


@contextmanager
def serve_without_database(folder: Path, **changes: str) -> Iterator[tuple[Flask, str]]:
    """The application and its URL, with an empty database and with sign-up closed."""
    mailbox = str(folder / "empty")
    url = f"sqlite:///{folder}/empty.db"
    app = make_app(url, SIGN_UP="closed", MAILBOX_DIR=mailbox, **changes)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    loggers = [logging.getLogger(name) for name in ("werkzeug", "portal")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:  # its errors are expected
        logger.setLevel(logging.CRITICAL)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield app, f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
