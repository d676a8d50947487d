"""An import of usage that is killed in any phase leaves nothing in force; a second run is right."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal import db, usage_files
from portal.domain import usage
from portal.domain.actors import COMMAND
from portal.domain.errors import Refused
from portal.domain.usage import Delivery, DeliveryPart, Mode, State
from tests.support.forked_worker import fork
from tests.support.jobs import run_usage
from tests.support.processes import wait_until
from tests.support.usage import deliver, find, in_force, problems, stage
from tests.support.usage_files import focus_rows
from tests.support.world import Clock

pytestmark = pytest.mark.both_databases

ROWS = [{"BilledCost": str(cost), "SubAccountId": f"p{cost}"} for cost in (1, 2, 4)]
SUMS = {"p1": Decimal(1), "p2": Decimal(2), "p4": Decimal(4)}
PHASES = ("begin", "identify_keys", "add_piece", "add_groups", "finish", "publish")
CASES = [*(("sqlite", phase) for phase in PHASES), ("postgresql", "add_groups")]
"""The other phases are the same Python on PostgreSQL."""


def die_after(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let a forked process kill itself in the transaction that calls this verb, after its effect,
    before the commit; for `begin` after the commit."""
    call, test = getattr(usage, name), os.getpid()

    def call_and_die(*arguments: Any, **more: Any) -> Any:
        result = call(*arguments, **more)
        if os.getpid() != test:
            if name == "begin":
                db.after_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return result

    monkeypatch.setattr(usage, name, call_and_die)


def run_and_wait_for_death(run: Callable[[], object]) -> None:
    db.session.remove()
    db.extension.engine.dispose()  # connections must not be inherited
    with fork(run) as process:
        wait_until(lambda: os.waitpid(process.process_id, os.WNOHANG)[0])


@pytest.mark.parametrize(("kind", "phase"), CASES, indirect=["kind"])
def test_a_killed_import_is_given_up_by_the_next_one_of_the_source(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    deliver({"BilledCost": "100", "SubAccountId": "old"})
    with monkeypatch.context() as patch:
        die_after(patch, phase)
        run_and_wait_for_death(lambda: deliver(*ROWS))
    assert in_force() == {"old": Decimal(100)}
    assert problems() == []
    if phase != "publish":
        with pytest.raises(Refused, match="usage-import-running"):
            stage(*ROWS)
        clock.forward(minutes=2)
    deliver(*ROWS)
    assert in_force() == SUMS
    while db.write(usage.purge_expired):
        pass
    query = select(Delivery.state, func.count()).group_by(Delivery.state)
    states = dict(tuple(row) for row in db.session.execute(query))
    left = {State.STAGED: 2} if phase == "publish" else {State.STAGED: 1, State.REFUSED: 1}
    assert states == {State.PUBLISHED: 2, **left}
    assert db.session.scalar(select(func.count()).select_from(DeliveryPart)) == 4 + 2 * (
        phase == "publish"
    )
    assert problems() == []


def upload() -> str:
    """Upload a file as an operator does; its delivery waits for the worker."""

    def unit() -> str:
        source = usage.find_source("Vendor") or usage.add_source("Vendor", by=COMMAND)
        names = ["usage.csv"]
        delivery = usage.begin_upload(source, mode=Mode.OVERWRITE, names=names, by=COMMAND)
        content = focus_rows(*ROWS).encode()
        for number, part in enumerate((content[:100], content[100:])):
            usage.add_chunk(delivery.id, file=0, number=number, content=part)
        usage.queue(delivery, by=COMMAND)
        return delivery.id

    return db.write(unit)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("phase", ["set_files", "add_groups", "finish"])
def test_an_upload_whose_worker_is_killed_is_staged_by_the_next(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    delivery_id = upload()
    with monkeypatch.context() as patch:
        die_after(patch, phase)
        run_and_wait_for_death(run_usage)
    assert (in_force(), find("Vendor").name) == ({}, "Vendor")
    clock.forward(hours=1)
    run_usage()
    clock.forward(hours=1)
    run_usage()
    delivery = db.session.get_one(Delivery, delivery_id)
    assert (delivery.state, delivery.rows, delivery.amount) == (State.STAGED, 3, Decimal(7))
    db.write(lambda: usage.publish(db.session.get_one(Delivery, delivery_id), by=COMMAND))
    assert in_force() == SUMS
    assert problems() == []


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_an_upload_that_is_overtaken_while_it_is_read_is_staged_afterwards(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery_id = upload()
    unpack, overtaken = usage_files.unpack, []

    def unpack_slowly(*arguments: Any, **more: Any) -> Any:
        facts = unpack(*arguments, **more)
        if not overtaken:
            overtaken.append(1)
            clock.forward(minutes=2)
            deliver({"BilledCost": "100"})
        return facts

    monkeypatch.setattr(usage_files, "unpack", unpack_slowly)
    run_usage()
    assert db.session.get_one(Delivery, delivery_id).state is State.UPLOADED
    clock.forward(minutes=1)
    run_usage()
    assert db.session.get_one(Delivery, delivery_id).state is State.STAGED
