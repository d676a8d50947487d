"""Transactions say whether they read or write, are tried again whole, and lose nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError

from portal import db
from portal.domain.audit import AuditHead
from portal.domain.mail_deliveries import MailDelivery
from tests.conftest import make_app
from tests.support.world import Clock, World

pytestmark = pytest.mark.both_databases

ON_SQLITE = pytest.mark.parametrize("kind", ["sqlite"])
ON_POSTGRESQL = pytest.mark.parametrize("kind", ["postgresql"])


def run(statement: str) -> Any:
    return db.session.execute(text(statement))


@pytest.fixture
def counter(app: Flask) -> Callable[[], int]:
    """A table of two numbers, 0 at first; the sum is read from it."""
    db.write(lambda: run("CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER)"))
    db.write(lambda: run("INSERT INTO counter VALUES (1, 0), (2, 0)"))
    return lambda: db.read(lambda: run("SELECT sum(n) FROM counter").scalar_one())


def add_one(row: int = 1) -> None:
    run(f"UPDATE counter SET n = n + 1 WHERE id = {row}")


# Reading and writing


def test_a_reading_transaction_cannot_write(app: Flask, counter: Callable[[], int]) -> None:
    for begin in (db.read, lambda unit: unit()):
        with pytest.raises(DBAPIError, match=r"(?i)read-?only"):
            begin(add_one)
        db.session.rollback()
    assert counter() == 0
    db.write(add_one)
    assert counter() == 1, "and the connection is none the worse for it"


def test_a_unit_gives_its_result_and_is_committed(
    app: Flask, counter: Callable[[], int], cast: tuple[str, World]
) -> None:
    assert db.write(lambda: [add_one(), "done"][1]) == "done"
    db.session.remove()
    db.extension.engine.dispose()
    assert counter() == 1


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt, SystemExit])
def test_whatever_a_unit_raises_rolls_everything_back(
    app: Flask, counter: Callable[[], int], fault: type[BaseException]
) -> None:
    def unit() -> None:
        add_one()
        raise fault

    with pytest.raises(fault):
        db.write(unit)
    assert counter() == 0
    db.write(add_one)
    assert counter() == 1


def test_a_unit_inside_a_unit_is_refused(app: Flask, counter: Callable[[], int]) -> None:
    def unit() -> None:
        add_one()
        db.write(add_one)

    with pytest.raises(RuntimeError, match="inside"):
        db.write(unit)
    assert counter() == 0
    db.write(add_one)
    assert counter() == 1


def test_what_is_deferred_is_done_last_by_key_and_in_call_order(app: Flask) -> None:
    done: list[str] = []

    def unit() -> None:
        for key, step in (("b", "b1"), ("a", "a1"), ("b", "b2"), ("a", "a2")):
            db.defer(key, partial(done.append, step))
        done.append("the unit")

    db.write(unit)
    assert done == ["the unit", "a1", "a2", "b1", "b2"]


def test_what_was_deferred_in_a_unit_or_savepoint_that_failed_is_not_done(
    app: Flask, counter: Callable[[], int]
) -> None:
    def failing(key: str) -> None:
        add_one()
        db.defer(key, add_one)
        raise LookupError

    def unit() -> None:
        db.defer("before", add_one)
        with suppress(LookupError), db.savepoint():
            failing("inside")

    with pytest.raises(LookupError):
        db.write(partial(failing, "alone"))
    db.write(unit)
    assert counter() == 1


def test_a_unit_reads_again_what_was_read_before_it(
    app: Flask, world: World, cast: tuple[str, World]
) -> None:
    head = db.session.get(AuditHead, world.north)
    assert head is not None
    before = head.seq
    with app.app_context():  # somebody else
        db.write(lambda: run(f"UPDATE audit_heads SET seq = seq + 1 WHERE chain = '{world.north}'"))
    assert db.write(lambda: db.lock(AuditHead, world.north).seq) == before + 1


def test_to_lock_what_is_not_there_is_an_error(app: Flask) -> None:
    with pytest.raises(LookupError, match="AuditHead nowhere"):
        db.write(lambda: db.lock(AuditHead, "nowhere"))


def test_a_model_without_a_rule_is_seen_by_nobody(app: Flask) -> None:
    with pytest.raises(NotImplementedError, match="MailDelivery"):
        db.find(MailDelivery, "out", None)


def test_sqlite_is_set_up_to_lose_nothing(app: Flask, kind: str) -> None:
    if kind == "postgresql":
        wanted = {"transaction_isolation": "read committed", "lock_timeout": "5s"}
        for name, value in wanted.items():
            assert db.read(lambda n=name: run(f"SHOW {n}").scalar_one()) == value
        return
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1}
    wanted["busy_timeout"] = 5000
    assert {name: db.read(lambda n=name: run(f"PRAGMA {n}").scalar_one()) for name in wanted} == (
        wanted
    )


# Again, and again


class Attempts:
    """A unit that adds one and then meets what the database says, the first `failures` times."""

    def __init__(self, failures: int, statement: str) -> None:
        self.failures, self.statement = failures, statement
        self.runs = 0

    def __call__(self) -> str:
        self.runs += 1
        add_one()
        if self.runs <= self.failures:
            run(self.statement)
        return "done"


def raising(state: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$"


@ON_POSTGRESQL
@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_deadlock_and_serialization_failure_run_the_whole_unit_again(
    app: Flask, counter: Callable[[], int], state: str
) -> None:
    twice = Attempts(2, raising(state))
    assert db.write(twice) == "done"
    assert (twice.runs, counter()) == (3, 1)
    always = Attempts(9, raising(state))
    with pytest.raises(db.Unavailable) as caught:
        db.write(always)
    assert caught.value.reason is db.Reason.BUSY
    assert isinstance(caught.value.__cause__, DBAPIError)
    assert getattr(caught.value.__cause__.orig, "sqlstate", "") == state
    assert (always.runs, counter()) == (3, 1)


@pytest.mark.parametrize(
    "statement", ["SELECT no_such_column FROM counter", "INSERT INTO counter VALUES (1, 1)"]
)
def test_other_faults_are_raised_at_once(
    app: Flask, counter: Callable[[], int], statement: str
) -> None:
    unit = Attempts(9, statement)
    with pytest.raises(DBAPIError):
        db.write(unit)
    assert (unit.runs, counter()) == (1, 0)


@ON_POSTGRESQL
def test_two_units_that_really_deadlock_both_come_through(
    app: Flask, counter: Callable[[], int]
) -> None:
    both_hold_one = threading.Barrier(2)
    runs: list[int] = []

    def work(first: int, second: int) -> None:
        def unit() -> None:
            runs.append(first)
            run("SET LOCAL deadlock_timeout = '20ms'")
            add_one(first)
            if len(runs) == 2 or runs.count(first) == 1:
                both_hold_one.wait(20)
            add_one(second)

        with app.app_context():
            db.write(unit)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(work, 1, 2), pool.submit(work, 2, 1)]:
            future.result(20)
    assert len(runs) > 2, "they did not meet"
    assert counter() == 4


@ON_POSTGRESQL
def test_each_run_of_a_unit_has_a_now_of_its_own(
    app: Flask, clock: Clock, counter: Callable[[], int]
) -> None:
    seen: list[datetime] = []
    unit = Attempts(2, raising("40001"))
    db.write(lambda: [seen.append(db.now()), unit()])
    assert len(set(seen)) == 3


# Lost updates


def four_threads(work: Callable[[], None]) -> None:
    """Four at once, fifty times each; the first fault of any is raised."""

    def fifty() -> None:
        for _ in range(50):
            work()

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(fifty) for _ in range(4)]:
            future.result()


def read_then_write(
    execute: Callable[[str], Any], think: Callable[[], object] = lambda: time.sleep(0.0005)
) -> None:
    n = execute("SELECT n FROM counter WHERE id = 1").scalar()
    think()
    execute(f"UPDATE counter SET n = {n + 1} WHERE id = 1")


@ON_SQLITE
def test_two_hundred_units_that_read_and_then_write_lose_nothing(
    app: Flask, counter: Callable[[], int]
) -> None:
    def work() -> None:
        with app.app_context():
            db.write(lambda: read_then_write(run))

    four_threads(work)
    assert counter() == 200


@ON_SQLITE
@pytest.mark.parametrize(("begin", "committed"), [("the driver's own", 2), ("deferred", 1)])
def test_control_as_sqlite_and_its_driver_come_one_is_lost_or_fails(
    app: Flask, counter: Callable[[], int], cast: tuple[str, World], begin: str, committed: int
) -> None:
    plain = create_engine(cast[0], connect_args={"timeout": 10})
    if begin == "deferred":
        event.listen(plain, "connect", lambda c, _record: setattr(c, "isolation_level", None))
        event.listen(plain, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    both_have_read = threading.Barrier(2)

    def work() -> bool:
        try:
            with plain.begin() as connection:
                read_then_write(
                    lambda statement: connection.execute(text(statement)),
                    think=lambda: both_have_read.wait(20),
                )
        except OperationalError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(work), pool.submit(work)]
    plain.dispose()
    assert counter() == 1
    assert [future.result() for future in futures].count(True) == committed


def test_engines_of_two_applications_in_one_process_do_not_mix(
    app: Flask, counter: Callable[[], int], databases: Any, kind: str
) -> None:
    url, _world = databases.copy(kind)
    other = make_app(url)
    with other.app_context():
        assert db.read(lambda: run("SELECT count(*) FROM users").scalar_one()) > 0
        with pytest.raises(DBAPIError, match="counter"):
            db.write(add_one)
        db.session.remove()
        db.extension.engine.dispose()
    databases.drop(url)
    assert counter() == 0
