"""The monitor: a thread that records that its process lives; a worker's also watches the work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import structlog
from flask import Flask

from portal import config, db, processes
from portal.domain import alerts, heartbeats, jobs, workflows
from portal.domain.heartbeats import ProcessKind

T = TypeVar("T")
ALERTS_AFTER = 25
"""Seconds that a new worker has for what waited while there was none."""
log = structlog.get_logger(__name__)


def start(app: Flask, kind: ProcessKind, stop: threading.Event) -> threading.Thread:
    """Start the thread; it ends when `stop` is set."""
    thread = threading.Thread(target=_run, args=(app, kind, stop), name="monitor", daemon=True)
    thread.start()
    return thread


def _run(app: Flask, kind: ProcessKind, stop: threading.Event) -> None:
    process, began = processes.this(), time.monotonic()
    while not stop.is_set():
        with app.app_context():
            if kind is ProcessKind.WORKER:
                pull_back_times()  # first: the process's own last sign of life shows it
            _try(partial(heartbeats.beat, process, kind, version=config.version()))
            if kind is ProcessKind.WORKER:
                take_up_jobs()
                if time.monotonic() - began > ALERTS_AFTER:
                    raise_alerts()
        stop.wait(heartbeats.EVERY.total_seconds())
    with app.app_context():
        _try(partial(heartbeats.end, process.id))


def take_up_jobs() -> None:
    """Let the workers take up the jobs of workers that are dead."""
    if number := _try(jobs.end_leases_of_dead_workers):
        log.warning("worker.died", jobs=number)


def pull_back_times() -> None:
    """Let work go on after the clock was set back, and log that it was."""
    if count := _try(workflows.pull_back_times):
        log.warning("clock.set_back", times=count)


def raise_alerts() -> None:
    """Mail the operators, and log, what has become unwell."""
    for problem in _try(alerts.update_alerts) or ():
        log.error("work.unwell", cause=problem.cause, kind=problem.kind)


def _try(unit: Callable[[], T]) -> T | None:
    """Run a unit of work; None if the database is unavailable, or after a bug, which is logged."""
    try:
        return db.try_write(unit)
    except Exception:
        log.exception("monitor.failed")
        return None
