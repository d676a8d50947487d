"""Our commands as real processes, with settings of the test's own and nothing of the machine's."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from portal import config
from tests.conftest import SETTINGS

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT_SECONDS = 30
"""Patience, for a machine that is busy with other things."""


def wait_until(wished: Callable[[], object], seconds: float = TIMEOUT_SECONDS) -> None:
    """Wait until it is so; fails when it never is."""
    deadline = time.monotonic() + seconds
    while not wished():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def environment(url: str, **more: str) -> dict[str, str]:
    own = {setting.name for setting in config.SETTINGS}
    kept = {name: value for name, value in os.environ.items() if name not in own}
    return kept | SETTINGS | {"DATABASE_URL": url, "PYTHONUNBUFFERED": "1"} | more


@contextmanager
def run_flask(command: str, url: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """`flask <command>` in a process group of its own; afterwards no process of it is left."""
    words = [sys.executable, "-m", "flask", "--app", "wsgi", command]
    with run_program(words, environment(url, **more)) as program:
        yield program


@contextmanager
def run_program(words: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Any program, in a process group of its own; afterwards no process of it is left."""
    program = subprocess.Popen(
        words,
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with program:
        try:
            yield program
        finally:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number: int = listener.getsockname()[1]
    return number


def gunicorn_command(bind: str) -> list[str]:
    """The command of portal-web.service, on an address of the test's own."""
    config = ["--config", str(ROOT / "deploy" / "gunicorn.conf.py"), "--bind", bind]
    return [sys.executable, "-m", "gunicorn", *config]


def live_processes(program: subprocess.Popen[str]) -> set[int]:
    """The living processes of a program's group."""
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            is_alive = process.status() != psutil.STATUS_ZOMBIE
            if is_alive and os.getpgid(process.pid) == program.pid:
                found.add(process.pid)
    return found
