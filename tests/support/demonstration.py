"""The demo, served as `make run` serves it, with its own port, database and mailbox."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from werkzeug.serving import make_server

from tests.conftest import SETTINGS, make_app

ROOT = Path(__file__).resolve().parent.parent.parent
READY_SECONDS = 180  # creating the demo's data takes a while


def create_database(file: Path) -> None:
    """Create an SQLite database with the demo."""
    environment = {**os.environ, **SETTINGS, "DATABASE_URL": f"sqlite:///{file}"}
    for arguments in (("db", "upgrade"), ("seed",)):
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)


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
