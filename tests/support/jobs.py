"""Jobs in tests: run what is due, in the test's thread or in those of a worker; queue some."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from flask import Flask
from sqlalchemy import select

from portal import db, worker
from portal.domain import imports, jobs, mail_deliveries
from portal.domain.jobs import Job, Kind


def run_mails() -> None:
    """Deliver the mails that are due; a second run must find nothing."""
    while any([worker.run_next(kind) for kind in mail_deliveries.KINDS]):  # noqa: C419 - all run
        pass
    assert not any(worker.run_next(kind) for kind in mail_deliveries.KINDS)


def run_imports() -> None:
    """Run the imports that are due."""
    while worker.run_next(Kind.IMPORTS):
        pass


def run_usage() -> None:
    """Run the imports and assignments of usage that are due."""
    while worker.run_next(Kind.USAGE):
        pass


def run_import_steps(import_id: str) -> None:
    """Run the import's steps that are due, each in its own unit of work."""
    while run_import_step(import_id):
        pass


def run_import_step(import_id: str) -> bool:
    """Run a step of the import; whether the next one is due."""

    def unit() -> bool:
        at = imports.run_step(import_id)
        return at is not None and at <= db.now()

    return db.write(unit)


def run_upkeep(*names: str) -> None:
    """Run the upkeep that is due; with names, only these jobs, if no others are queued."""

    def queue() -> None:
        for name in names:
            jobs.add_recurring(Kind.UPKEEP, key=f"upkeep:{name}", subject=("upkeep", name))

    db.write(queue if names else worker.queue_upkeep)
    while worker.run_next(Kind.UPKEEP):
        pass


def job_of(key: str) -> Job:
    """The lane's newest job, which must exist."""
    query = select(Job).where(Job.key == key).order_by(Job.id.desc()).limit(1)
    return db.read(lambda: db.session.scalars(query).one())


def has_run(key: str) -> bool:
    """Whether the recurring job exists and has run: its next run is to come."""
    query = select(Job.id).where(Job.key == key, Job.run_at > db.now())
    return db.read(lambda: db.session.scalar(query)) is not None


@contextmanager
def run_threads(app: Flask, kinds: Collection[str] = tuple(worker.THREADS)) -> Iterator[None]:
    """Run a worker inside `with`. At its end it finishes what it has begun."""
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(app, stop, kinds))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


def queue_job(key: str = "import:x", *, kind: str = Kind.IMPORTS, priority: int = 0) -> str:
    """Queue a job of this lane; its ID. A worker of another version may have the kind."""

    def unit() -> str:
        job = jobs.add(Kind.IMPORTS, key=key, subject=("import", "x"), priority=priority)
        job.kind = kind
        return job.id

    return db.write(unit)
