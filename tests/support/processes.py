"""Processes in tests: the portal's commands with only the test's settings."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil

from portal import config
from tests.conftest import SETTINGS

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT_SECONDS = 30
"""Long enough for a busy machine."""


def wait_until(condition: Callable[[], object], seconds: float = TIMEOUT_SECONDS) -> None:
    """Wait until the condition is true; raises AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def environment(url: str, **settings: str) -> dict[str, str]:
    """The environment of a process: the machine's without its settings of the portal, then the
    tests' settings, then `settings`."""
    names = {setting.name for setting in config.SETTINGS}
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    return inherited | SETTINGS | {"DATABASE_URL": url, "PYTHONUNBUFFERED": "1"} | settings


@contextmanager
def run_flask(command: str, url: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Run `flask <command>` in a new process group, which is killed with the block."""
    arguments = [sys.executable, "-m", "flask", "--app", "wsgi", *command.split()]
    with run_program(arguments, environment(url, **settings)) as program:
        yield program


@contextmanager
def run_program(arguments: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a program in a new process group, which is killed with the block. What it creates is
    readable for everybody, unless it prevents that."""
    program = subprocess.Popen(
        arguments,
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        umask=0o022,
    )
    with program:
        try:
            yield program
        finally:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)


def read_until(stream: IO[str] | None, end: str) -> str:
    """What a program has said up to a line that has `end` in it."""
    assert stream is not None
    said = ""
    for line in stream:
        said += line
        if end in line:
            return said
    raise AssertionError(f"it ended, and had said: {said}")


def file_modes(folder: Path) -> dict[str, set[str]]:
    """The permissions below the folder, in octal, with the names of the files that have them."""
    modes: dict[str, set[str]] = {}
    for path in folder.rglob("*"):
        modes.setdefault(oct(stat.S_IMODE(path.lstat().st_mode)), set()).add(path.name)
    return modes


def free_port() -> int:
    """An unused port of the loopback address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def gunicorn_command(bind: str) -> list[str]:
    """The command of portal-web.service, bound to another address."""
    options = ["--config", str(ROOT / "deploy" / "gunicorn.conf.py"), "--bind", bind]
    return [sys.executable, "-m", "gunicorn", *options]


def without_log(output: str) -> str:
    """The output of a local run without its log lines of level info."""
    lines = output.splitlines(keepends=True)
    return "".join(line for line in lines if not re.match(r"\S+Z \[info +\] ", line))


def live_processes(program: subprocess.Popen[str]) -> set[int]:
    """The IDs of the live processes in a program's group."""
    process_ids = set()
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            is_alive = process.status() != psutil.STATUS_ZOMBIE
            if is_alive and os.getpgid(process.pid) == program.pid:
                process_ids.add(process.pid)
    return process_ids
