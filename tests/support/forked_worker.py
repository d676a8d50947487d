"""A process of its own, forked from the test, such as a worker: it can be stopped, resumed, killed.

It has the test's settings, patches and clock; the clock stands still in it from then on.
"""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from flask import Flask

from portal import db, processes, worker
from portal.domain import heartbeats
from portal.domain.heartbeats import ProcessKind
from tests.support.processes import wait_until


class ForkedWorker:
    """The process, from the view of the test."""

    def __init__(self, process_id: int) -> None:
        self.process_id = process_id

    def wait_until_stopped(self) -> None:
        """Wait until the worker comes to the place named by `stop_before`, or to `stop`."""
        wait_until(lambda: os.waitpid(self.process_id, os.WUNTRACED | os.WNOHANG)[0])

    def stop(self) -> None:
        os.kill(self.process_id, signal.SIGSTOP)
        self.wait_until_stopped()

    def resume(self) -> None:
        os.kill(self.process_id, signal.SIGCONT)

    def kill(self) -> None:
        """Kill the process, unless it is dead."""
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.process_id, signal.SIGKILL)
            os.waitpid(self.process_id, 0)


@contextmanager
def fork_worker(app: Flask, kinds: Collection[str]) -> Iterator[ForkedWorker]:
    """Run a worker for these kinds of jobs, which is killed with the block. It has a heartbeat."""

    def run() -> None:
        with app.app_context():
            process = processes.this()
            db.write(lambda: heartbeats.beat(process, ProcessKind.WORKER, version="1"))
        worker.run(app, threading.Event(), kinds)

    db.session.remove()
    db.extension.engine.dispose()  # connections must not be inherited
    with fork(run) as forked:
        yield forked


@contextmanager
def fork(run: Callable[[], object]) -> Iterator[ForkedWorker]:
    """Call `run` in a process that is killed with the block. The caller has closed the connections
    to the database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # to fork beside threads of the test
        process_id = os.fork()
    if process_id == 0:
        try:
            run()
        finally:
            os._exit(1)
    forked = ForkedWorker(process_id)
    try:
        yield forked
    finally:
        forked.kill()


def stop_before(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    """Let a forked worker stop itself where it first calls this function."""
    call, test, stops = getattr(module, name), os.getpid(), []

    def stop_and_call(*arguments: Any, **more: Any) -> Any:
        if os.getpid() != test and not stops:
            stops.append(name)
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # this thread at once
        return call(*arguments, **more)

    monkeypatch.setattr(module, name, stop_and_call)
