"""Our commands as real processes, with settings of the test's own and nothing of the machine's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from portal import config
from tests.conftest import SETTINGS

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 30
"""Patience, for a machine that is busy with other things."""


def soon(wished: Callable[[], object], seconds: float = SECONDS) -> None:
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
def running(command: str, url: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """`flask <command>` in a process group of its own; afterwards no process of it is left."""
    program = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", command],
        cwd=ROOT,
        env=environment(url, **more),
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


def group(program: subprocess.Popen[str]) -> set[int]:
    """The living processes of a program's group."""
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            is_alive = process.status() != psutil.STATUS_ZOMBIE
            if is_alive and os.getpgid(process.pid) == program.pid:
                found.add(process.pid)
    return found
