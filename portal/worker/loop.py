"""The loop: threads by kind of job, each of which claims a job, runs it, records its outcome."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Mapping
from typing import Any

import structlog
from flask import Flask

from portal import db, logs, metrics
from portal.domain import jobs
from portal.domain.jobs import Kind
from portal.worker.job_kinds import HANDLERS, THREADS, Handler, Record
from portal.worker.upkeep import queue_upkeep

log = structlog.get_logger(__name__)

IDLE_SECONDS = 1.0
LOST = {"state": "lost"}
"""Another worker has the job."""
TROUBLE = {"lost", "refused", "failed", "unknown"}
RECORD_WAITS = (0.1, 0.3, 1.0, 3.0)
"""Seconds between tries to record an outcome; the last one is repeated."""


def run(app: Flask, stop: threading.Event, kinds: Collection[str] = tuple(THREADS)) -> None:
    """Work until `stop` is set; jobs that have begun are finished. A dead thread is restarted."""
    slots = [kind for kind in kinds for _ in range(THREADS[kind])]
    threads = {slot: _start_thread(app, stop, kind) for slot, kind in enumerate(slots)}
    is_queued = Kind.UPKEEP not in kinds  # left to workers that run it
    while not stop.wait(IDLE_SECONDS):
        is_queued = is_queued or _queue_upkeep(app)
        for slot, kind in enumerate(slots):
            if not (threads[slot].is_alive() or stop.is_set()):
                log.error("worker.thread_restarted", kind=kind)
                threads[slot] = _start_thread(app, stop, kind)
    log.info("worker.stopping")
    for thread in threads.values():
        thread.join()


def _queue_upkeep(app: Flask) -> bool:
    """Whether the upkeep is queued now."""
    try:
        with app.app_context():
            db.write(queue_upkeep)
    except Exception as error:
        if db.unavailable_from(error) is None:  # else the threads log it
            log.exception("worker.failed", kind=Kind.UPKEEP)
        return False
    return True


def _start_thread(app: Flask, stop: threading.Event, kind: str) -> threading.Thread:
    thread = threading.Thread(target=_work, args=(app, stop, kind), name=kind, daemon=True)
    thread.start()
    return thread


def _work(app: Flask, stop: threading.Event, kind: str) -> None:
    waits_for = None
    while not stop.is_set():
        try:
            with app.app_context():
                is_busy, waits_for = run_next(kind), None
        except Exception as error:
            is_busy, waits_for = False, _log_fault(error, kind=kind, waits_for=waits_for)
        if not is_busy:
            stop.wait(IDLE_SECONDS)


def _log_fault(
    error: Exception, *, kind: str, waits_for: db.Reason | None = None
) -> db.Reason | None:
    """Log the fault, but not that the database is unavailable for the same reason as before.
    Returns the reason."""
    unavailable = db.unavailable_from(error)
    if unavailable is None:
        log.error("worker.failed", kind=kind, exc_info=error)
        return None
    if unavailable.reason is not waits_for:
        log.warning("worker.waits_for_database", kind=kind, reason=unavailable.reason)
    return unavailable.reason


def run_next(kind: str) -> bool:
    """Run the next due job of this kind, and record its outcome. False if there was none."""
    if not db.read(lambda: jobs.has_work(kind)):
        return False
    handler = HANDLERS[kind]
    claimed = db.write(lambda: handler.claim(kind, handler.lease))
    if claimed is None:
        return False
    with logs.bind_job(claimed.id):
        began = time.monotonic()
        facts = _record_or_fault(_run(handler, claimed), handler, claimed) or LOST
        seconds = round(time.monotonic() - began, 3)
        metrics.observe_job(kind, facts["state"], seconds)
        log.log(_level_of(kind, facts), "job.ended", kind=kind, **facts, seconds=seconds)
    return True


def _level_of(kind: str, facts: Mapping[str, Any]) -> int:
    """The level of a job's line: what somebody has to look at is a warning."""
    if facts["state"] in TROUBLE:
        return logging.WARNING
    return logging.DEBUG if kind == Kind.UPKEEP else logging.INFO


def _run(handler: Handler, claimed: object) -> Record:
    try:
        return _checked(handler.run(claimed))
    except Exception as error:
        log.exception("job.failed")
        return handler.fault(claimed, error)


def _checked(record: Record) -> Record:
    if not callable(record):
        raise TypeError(f"{type(record).__name__} is no unit of work")
    return record


def _record_or_fault(record: Record, handler: Handler, claimed: object) -> dict[str, Any] | None:
    """Record an outcome or, if it turns out to be rubbish, the fault."""
    try:
        return _record_outcome(record, handler)
    except db.Unavailable:
        raise
    except Exception as error:
        log.exception("job.failed")
        return _record_outcome(handler.fault(claimed, error), handler)


def _record_outcome(record: Record, handler: Handler) -> dict[str, Any] | None:
    """Record an outcome until it is recorded: what a relay has said can't be asked again."""
    deadline = time.monotonic() + handler.lease.total_seconds()
    waits = iter(RECORD_WAITS)
    wait = RECORD_WAITS[0]
    while True:
        try:
            return db.write(record)
        except db.Unavailable as error:
            if time.monotonic() > deadline:
                raise
            log.warning("job.outcome_delayed", reason=error.reason)
            wait = next(waits, wait)
            time.sleep(wait)
