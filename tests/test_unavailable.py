"""The database says that it is busy, full, read-only or away; nobody waits for it for long."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from portal import db
from tests.conftest import make_app
from tests.support.database_faults import cause, connect
from tests.support.world import OLGA, World, user

pytestmark = pytest.mark.both_databases

LONG = "x" * 10_000
"""A name that needs new pages of the database's file."""


def rename(name: str) -> None:
    user(OLGA).name = name


def name() -> str:
    return db.read(lambda: user(OLGA).name)


DATABASE_FAULTS = [reason for reason in db.Reason if reason is not db.Reason.KEY_MISSING]


@pytest.mark.parametrize("fault", DATABASE_FAULTS)
def test_a_write_says_why_the_database_is_unavailable(
    app: Flask, cast: tuple[str, World], fault: db.Reason, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db.dialects, "WAIT_MS", 20)
    db.extension.engine.dispose()  # a connection to PostgreSQL has the wait from its start
    before = name()
    with cause(fault, cast[0]):
        for write in (lambda: rename(LONG), _rename_in_savepoint):
            with pytest.raises(db.Unavailable) as caught:
                db.write(write)
            assert (caught.value.reason, caught.value.may_be_saved) == (fault, False)
        assert db.try_write(lambda: rename(LONG)) is None
        if fault in (db.Reason.AWAY, db.Reason.RESTORING):
            with pytest.raises(db.Unavailable):
                name()
        else:
            assert name() == before
    db.write(lambda: rename("New"))
    assert name() == "New"


def _rename_in_savepoint() -> None:
    """SQLite rolls back the whole transaction; then the savepoint's rollback fails, too."""
    with db.savepoint():
        rename(LONG)
        db.session.flush()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes, which only root can mount."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can't be mounted here: that takes root")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_full_disk_can_be_read_and_heals_by_itself(
    cast: tuple[str, World], small_disk: Path
) -> None:
    shutil.copy(cast[0].removeprefix("sqlite:///"), small_disk / "portal.db")
    with make_app(f"sqlite:///{small_disk}/portal.db").app_context():
        before, ballast = name(), small_disk / "ballast"
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        with pytest.raises(db.Unavailable) as caught:
            db.write(lambda: rename(LONG))
        assert caught.value.reason is db.Reason.FULL
        assert name() == before
        ballast.unlink()
        db.write(lambda: rename("New"))
        assert name() == "New"
        db.session.remove()
        db.extension.engine.dispose()


def test_to_write_in_a_reading_transaction_is_a_bug(app: Flask) -> None:
    with pytest.raises(DBAPIError) as caught:
        db.read(lambda: db.session.execute(text("UPDATE users SET name = name")))
    assert db.unavailable_from(caught.value) is None
    assert db.unavailable_from(KeyError()) is None


# SQLite: who waits for the write lock


class Writers:
    """One thread that writes until `finish()`, and others that want to."""

    def __init__(self, app: Flask, pool: ThreadPoolExecutor) -> None:
        self.app, self.pool = app, pool
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self.arrivals = threading.Semaphore(0)
        event.listen(db.extension.engine, "before_cursor_execute", self._count)
        self.first = pool.submit(self._write, self._hold)
        assert self.has_begun.wait(20)
        assert self.arrivals.acquire(timeout=20)

    def _count(self, _connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        if statement == "BEGIN IMMEDIATE":
            self.arrivals.release()

    def _hold(self) -> str:
        self.has_begun.set()
        assert self.may_end.wait(20)
        return "first"

    def _write(self, unit: Callable[[], str]) -> str:
        with self.app.app_context():
            return db.write(unit)

    def start(self, count: int) -> list[Future[str]]:
        """Let so many threads write at the same moment."""
        barrier = threading.Barrier(count)

        def begin() -> str:
            barrier.wait(20)
            return self._write(lambda: "written")

        return [self.pool.submit(begin) for _ in range(count)]

    def await_waiting(self, count: int) -> None:
        """Wait until so many threads are about to wait for the lock."""
        for _ in range(count):
            assert self.arrivals.acquire(timeout=20)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_five_writers_wait_and_a_sixth_is_refused_at_once(app: Flask) -> None:
    with ThreadPoolExecutor(7) as pool:
        writers = Writers(app, pool)
        others = writers.start(6)
        writers.await_waiting(5)
        refused, waiting = wait(others, timeout=20, return_when=FIRST_COMPLETED)
        assert (len(refused), len(waiting)) == (1, 5)
        with pytest.raises(db.Unavailable) as caught:
            refused.pop().result()
        assert caught.value.reason is db.Reason.BUSY
        assert db.try_write(lambda: "written") is None
        assert name(), "readers go on"
        writers.may_end.set()
        assert [each.result(20) for each in waiting] == ["written"] * 5
    assert db.write(lambda: "written") == "written"


@pytest.mark.parametrize("kind", ["sqlite"])
def test_control_without_the_bound_all_six_wait(
    cast: tuple[str, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db.dialects, "MAX_WAITING_WRITERS", 6)
    app = make_app(cast[0])
    with app.app_context(), ThreadPoolExecutor(7) as pool:
        writers = Writers(app, pool)
        others = writers.start(6)
        writers.await_waiting(6)
        assert not any(each.done() for each in others), "nobody is refused"
        writers.may_end.set()
        assert [each.result(20) for each in others] == ["written"] * 6
        db.extension.engine.dispose()


def test_a_lock_is_awaited_for_five_seconds_in_all(
    app: Flask, kind: str, monkeypatch: pytest.MonkeyPatch, cast: tuple[str, World]
) -> None:
    shown = "PRAGMA busy_timeout" if kind == "sqlite" else "SHOW lock_timeout"
    for begin in (db.read, db.write):
        limit = begin(lambda: db.session.execute(text(shown)).scalar_one())
        assert limit == (5000 if kind == "sqlite" else "5s")
    monkeypatch.setattr(db.dialects, "WAIT_MS", 20)
    tries: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        if statement.startswith(("BEGIN IMMEDIATE", "UPDATE")):
            tries.append(statement)

    with cause("busy", cast[0]):
        event.listen(db.extension.engine, "before_cursor_execute", count)
        with pytest.raises(db.Unavailable):
            db.write(lambda: rename("New"))
    assert len(tries) == 1, "it is not tried again"


# PostgreSQL


ON_POSTGRESQL = pytest.mark.parametrize("kind", ["postgresql"])


@ON_POSTGRESQL
def test_a_connection_that_ends_in_a_unit_is_away_and_the_next_unit_works(
    app: Flask, cast: tuple[str, World]
) -> None:
    def unit() -> None:
        process_id = db.session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with connect(cast[0]) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (process_id,))
        rename("New")

    with pytest.raises(db.Unavailable) as caught:
        db.write(unit)
    assert (caught.value.reason, caught.value.may_be_saved) == (db.Reason.AWAY, False)
    assert db.write(lambda: "written") == "written"


@ON_POSTGRESQL
def test_a_connection_that_ends_during_the_commit_leaves_it_open_whether_it_saved(
    app: Flask, cast: tuple[str, World]
) -> None:
    """A deferred trigger runs during the commit, and ends its own connection."""
    with connect(cast[0]) as other:
        other.execute(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$"
            " BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
        )
        other.execute(
            "CREATE CONSTRAINT TRIGGER die AFTER UPDATE ON users DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION die()"
        )
    with pytest.raises(db.Unavailable) as caught:
        db.write(lambda: rename("New"))
    assert (caught.value.reason, caught.value.may_be_saved) == (db.Reason.AWAY, True)


@ON_POSTGRESQL
def test_a_migration_waits_for_locks_as_long_as_it_takes(app: Flask) -> None:
    limits: list[str] = []

    def show(connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        if "alembic_version" in statement:
            limits.append(connection.exec_driver_sql("SHOW lock_timeout").scalar_one())

    event.listen(db.extension.engine, "before_cursor_execute", show)
    flask_migrate.upgrade()
    assert set(limits) == {"0"}
