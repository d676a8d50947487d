"""The worker's part of an import: its pace, its faults, its deaths, and two workers at once."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from portal import db, worker
from portal.domain import customers, imports, jobs
from portal.domain.accounts import BillingAccount
from portal.domain.customers import Customer
from portal.domain.imports import Import, ImportRow, Line, Outcome, State
from portal.domain.jobs import Kind
from portal.domain.mail_deliveries import MailDelivery
from portal.worker import import_steps
from tests.domain.test_races import WAITS, Race, without_locks
from tests.support.jobs import job_of, run_import_step, run_import_steps, run_imports
from tests.support.processes import run_flask, wait_until
from tests.support.relay import clear_mails
from tests.support.world import EDDIE, OLGA, Clock, World, actor, draft, user

ON_POSTGRESQL = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)


def line(number: int) -> Line:
    cells = {"name": f"Firm {number}", "invitation_email": f"f{number}@client.example"}
    return Line(number, {**cells, "country": "DE"})


def uploaded(world: World, *lines: Line) -> str:
    """An import that waits for the worker's checking."""
    olga = actor(OLGA)

    def unit() -> str:
        north = db.lock(BillingAccount, world.north)
        return imports.upload(north, by=olga, lines=list(lines)).id

    return db.write(unit)


def begun(world: World, count: int) -> str:
    """An import of so many good rows that waits for the worker's adding."""
    ident, olga = uploaded(world, *map(line, range(2, count + 2))), actor(OLGA)
    run_import_steps(ident)
    db.write(lambda: imports.begin(db.lock(Import, ident), by=olga))
    return ident


def outcomes(ident: str) -> dict[int, Outcome]:
    found = select(ImportRow.number, ImportRow.outcome).where(ImportRow.import_id == ident)
    return db.read(lambda: dict(db.session.execute(found).all()))


def count_of(ident: str, outcome: Outcome = Outcome.ADDED) -> int:
    return list(outcomes(ident).values()).count(outcome)


def state(ident: str) -> State:
    return db.read(lambda: db.session.get_one(Import, ident).state)


def codes(ident: str, number: int) -> list[str]:
    row = db.session.get_one(ImportRow, (ident, number), populate_existing=True)
    return [why["code"] for why in row.reasons]


def each_once(world: World, ident: str, count: int) -> None:
    """All rows are added, each customer exists once, each has one mail."""
    assert outcomes(ident) == dict.fromkeys(range(2, count + 2), Outcome.ADDED)
    found = select(Customer.name).where(Customer.name.startswith("Firm"))
    added = db.read(lambda: list(db.session.scalars(found)))
    assert sorted(added) == sorted(f"Firm {n}" for n in range(2, count + 2))
    mails = select(MailDelivery.recipient).where(MailDelivery.recipient.like("f%@client.example"))
    assert len(db.read(lambda: list(db.session.scalars(mails)))) == count


def test_nothing_is_added_before_somebody_says_so(app: Flask, world: World) -> None:
    ident = uploaded(world, line(2))
    run_imports()
    assert (state(ident), count_of(ident, Outcome.NEW)) == (State.CHECKED, 1)
    assert not db.read(lambda: jobs.has_work(Kind.IMPORTS))


def test_each_row_is_a_transaction_of_its_own(app: Flask, world: World) -> None:
    ident = begun(world, 3)
    for done in range(1, 4):
        assert run_import_step(ident)
        assert count_of(ident) == done
    assert not run_import_step(ident)
    assert state(ident) is State.OVER
    each_once(world, ident, 3)


def test_what_became_true_since_the_check_counts(app: Flask, world: World) -> None:
    ident, eddie = begun(world, 2), actor(EDDIE)

    def meanwhile() -> None:
        north = db.lock(BillingAccount, world.north)
        customers.add(north, by=eddie, draft=draft("f2@client.example", name="By hand"))
        twin = draft("f3@client.example", name="By hand, too", reference="own")
        customers.add(north, by=eddie, draft=twin)

    db.write(meanwhile)
    run_imports()
    assert outcomes(ident) == {2: Outcome.KNOWN, 3: Outcome.KNOWN}


def test_who_is_disabled_adds_no_more(app: Flask, world: World) -> None:
    ident = begun(world, 2)
    assert run_import_step(ident)

    def disable() -> None:
        user(OLGA).disabled_at = db.now()

    db.write(disable)
    run_imports()
    assert outcomes(ident) == {2: Outcome.ADDED, 3: Outcome.REFUSED}
    assert codes(ident, 3) == ["role-missing"]
    assert state(ident) is State.OVER


# Pace


MOST = 4
"""How many a partner may invite in 24 hours; the cast's two count."""
slow = pytest.mark.parametrize("settings", [{"INVITATIONS_PER_DAY": str(MOST)}])


@slow
def test_an_import_invites_no_more_in_a_day_than_the_partner_may(
    app: Flask, world: World, clock: Clock
) -> None:
    ident = begun(world, 7)
    run_imports()
    assert count_of(ident) == 2
    for _hour in range(22):
        clock.forward(hours=1)
        run_imports()
        assert count_of(ident) == 2
    clock.forward(hours=2)
    run_imports()
    assert count_of(ident) >= 4
    assert state(ident) is State.IMPORTING
    clock.forward(hours=25)
    run_imports()
    each_once(world, ident, 7)
    assert state(ident) is State.OVER


@slow
def test_the_page_says_when_it_goes_on(app: Flask, world: World, clock: Clock) -> None:
    ident = begun(world, 3)
    run_imports()
    oldest = select(Customer.created_at).where(Customer.partner_id == world.north)
    sent = db.read(lambda: sorted(db.session.scalars(oldest)))
    assert job_of(f"import:{ident}").run_at == sent[-MOST] + timedelta(days=1)


@slow
def test_customers_added_by_hand_use_the_same_day(app: Flask, world: World, clock: Clock) -> None:
    def by_hand() -> None:
        north = db.lock(BillingAccount, world.north)
        for n in range(2):
            customers.add(north, by=actor(EDDIE), draft=draft(f"h{n}@client.example"))

    db.write(by_hand)
    ident = begun(world, 1)
    run_imports()
    assert count_of(ident) == 0


@slow
def test_what_needs_no_invitation_does_not_wait_for_one(app: Flask, world: World) -> None:
    ident, eddie = begun(world, 4), actor(EDDIE)

    def meanwhile() -> None:
        north = db.lock(BillingAccount, world.north)
        for n in (2, 3):
            customers.add(north, by=eddie, draft=draft(f"f{n}@client.example"))

    db.write(meanwhile)
    run_imports()
    assert count_of(ident, Outcome.KNOWN) == 2
    assert count_of(ident, Outcome.NEW) == 2


@slow
def test_a_full_day_of_one_partner_does_not_hold_up_another(app: Flask, world: World) -> None:
    begun(world, 5)
    run_imports()
    sam = actor("sam@south.example")

    def unit() -> str:
        south = db.lock(BillingAccount, world.south)
        return imports.upload(south, by=sam, lines=[line(2)]).id

    ident = db.write(unit)
    run_imports()
    db.write(lambda: imports.begin(db.lock(Import, ident), by=sam))
    run_imports()
    assert state(ident) is State.OVER


# Faults


def test_a_fault_in_one_row_is_told_and_the_others_are_added(
    app: Flask,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ident, add = begun(world, 3), customers.add

    def careless(partner: BillingAccount, *, draft: customers.Draft, **more: object) -> Customer:
        added = add(partner, draft=draft, **more)  # type: ignore[arg-type]
        if draft.name == "Firm 3":
            raise ZeroDivisionError
        return added

    monkeypatch.setattr(customers, "add", careless)
    run_imports()
    assert outcomes(ident) == {2: Outcome.ADDED, 3: Outcome.REFUSED, 4: Outcome.ADDED}
    assert codes(ident, 3) == ["import-fault"]
    assert "import.row_failed" in caplog.text
    assert "f3@client.example" not in caplog.text
    found = select(Customer.name).where(Customer.name == "Firm 3")
    assert db.read(lambda: db.session.scalar(found)) is None, "nothing half done"


def test_while_the_database_fails_the_row_waits_and_others_come_first(
    app: Flask, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ident, add = begun(world, 1), customers.add

    def fails(*_args: object, **_more: object) -> Customer:
        raise OperationalError("INSERT", {}, Exception("the disk is full"))

    monkeypatch.setattr(customers, "add", fails)
    run_imports()
    assert outcomes(ident) == {2: Outcome.NEW}
    monkeypatch.setattr(customers, "add", add)
    other = uploaded(world, line(9))
    run_imports()
    assert (state(other), state(ident)) == (State.CHECKED, State.IMPORTING)
    clock.forward(minutes=1)
    run_imports()
    each_once(world, ident, 1)


# Deaths and races


@pytest.fixture
def real_time(clock: Clock) -> Clock:
    clock.now = datetime.now(UTC)
    return clock


def test_a_worker_that_is_killed_leaves_an_import_that_goes_on(
    app: Flask, cast: tuple[str, World], real_time: Clock
) -> None:
    clear_mails()
    ident = begun(cast[1], 40)
    with run_flask("work", cast[0]) as process:
        wait_until(lambda: count_of(ident) >= 3)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    def is_over() -> bool:
        real_time.now = datetime.now(UTC) + import_steps.LEASE + timedelta(seconds=1)
        run_imports()
        return state(ident) is State.OVER

    wait_until(is_over)
    each_once(cast[1], ident, 40)


@ON_POSTGRESQL
def test_killed_in_the_middle_of_a_row_it_is_added_once_by_the_next_worker(
    app: Flask, cast: tuple[str, World], real_time: Clock
) -> None:
    clear_mails()
    ident = begun(cast[1], 3)
    url = cast[0].replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as looking, psycopg.connect(url) as holding:
        holding.execute("LOCK TABLE mail_deliveries IN SHARE MODE")  # no customer is added
        with run_flask("work", cast[0]) as process:
            wait_until(lambda: looking.execute(WAITS).fetchone() == (1,))
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        assert count_of(ident) == 0
        assert not worker.run_next(Kind.IMPORTS), "the dead one's lease still runs"
        holding.rollback()

    def is_over() -> bool:
        real_time.now = datetime.now(UTC) + import_steps.LEASE + timedelta(seconds=1)
        run_imports()
        return state(ident) is State.OVER

    wait_until(is_over)
    each_once(cast[1], ident, 3)


def two_at_once(app: Flask, ident: str) -> dict[int, Outcome]:
    """What becomes of the rows when two workers take a step each at the same moment."""
    steps = [partial(imports.run_step, ident)] * 2
    assert Race(app).run(*steps) == ["done", "done"]
    return outcomes(ident)


@ON_POSTGRESQL
def test_two_workers_never_do_the_same_row(app: Flask, world: World) -> None:
    assert two_at_once(app, begun(world, 1)) == {2: Outcome.ADDED}


@ON_POSTGRESQL
def test_control_without_the_locks_both_workers_do_it(
    app: Flask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ident = begun(world, 1)
    without_locks(monkeypatch, Import, BillingAccount)
    assert two_at_once(app, ident) != {2: Outcome.ADDED}


@ON_POSTGRESQL
def test_several_workers_add_each_row_once(app: Flask, cast: tuple[str, World]) -> None:
    ident = begun(cast[1], 20)
    with run_flask("work", cast[0]), run_flask("work", cast[0]):
        wait_until(lambda: state(ident) is State.OVER)
    each_once(cast[1], ident, 20)


@pytest.mark.both_databases
def test_erasing_a_customer_reaches_the_rows_that_name_them(app: Flask, world: World) -> None:
    ident = begun(world, 2)
    with_carls = select(ImportRow).where(ImportRow.import_id == ident).order_by(ImportRow.number)

    def refuse_first() -> None:
        row = db.session.scalars(with_carls).first()
        assert row is not None
        row.cells = {**row.cells, "invitation_email": "  CARL@customer.example "}
        row.outcome = Outcome.REFUSED

    db.write(refuse_first)
    db.write(lambda: imports.erase(db.lock(Customer, world.carls_customer)))
    kept = db.read(lambda: [bool(row.cells) for row in db.session.scalars(with_carls)])
    assert kept == [False, True]
