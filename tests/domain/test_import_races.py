"""Two imports of one period at the same time: the last to arrive wins, the other one is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal import db
from portal.domain import charges
from portal.domain.errors import Refused
from portal.domain.ledger import Posting, PostingKind
from portal.domain.usage import Delivery, State, publishing, staging
from portal.worker import usage_imports, usage_posting
from tests.domain.test_link_races import GUARDED
from tests.support.money import charges_of, entries, problems, row
from tests.support.usage import deliver, in_force, publish, stage
from tests.support.world import World

pytestmark = pytest.mark.both_databases

PATIENCE = 60
COSTS = ("1", "20")
D = Decimal


def at_once(app: Flask, *units: Callable[[], str]) -> list[str]:
    """Run each in a thread; what each returns, or the code of its refusal."""

    def run(unit: Callable[[], str]) -> str:
        with app.app_context():
            try:
                return unit()
            except Refused as refused:
                return str(refused.code)
            except Exception as fault:
                return type(fault).__name__

    db.session.rollback()
    with ThreadPoolExecutor() as pool:
        return list(pool.map(run, units))


@GUARDED
def test_of_two_imports_that_publish_at_once_the_last_alone_is_charged(
    app: Flask, world: World, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    deliver(row("1", "unknown"), source="First")  # fixes the currency
    staged = [stage(row(cost, world.doras_cloud)) for cost in COSTS]
    prepare, post = usage_posting.prepare_publishing, publishing.current_posting
    barrier, prepared = threading.Barrier(len(staged)), []

    def prepare_again(delivery_id: str, **more: Any) -> None:
        prepared.append(delivery_id)
        prepare(delivery_id, **more)

    def publish_at_once(delivery_id: str) -> str:
        barrier.wait(PATIENCE)
        publish(delivery_id)
        return "done"

    def without_looking(kind: PostingKind, subject: str, _basis: object) -> Posting:
        found = charges.staged_posting(kind, subject)
        basis = (found and found.basis) or {}
        return post(kind, subject, lambda: basis["usage"])

    if not is_guarded:
        monkeypatch.setattr(publishing, "current_posting", without_looking)
        monkeypatch.setattr(charges, "still_holds", lambda _posting: True)
    monkeypatch.setattr(usage_posting, "prepare_publishing", prepare_again)
    outcomes = at_once(app, *(partial(publish_at_once, it) for it in staged))
    assert outcomes == ["done", "done"]
    charged = charges_of("cloud_id")[world.doras_cloud,]
    if not is_guarded:
        assert charged == D(21)
        return
    newest = select(Delivery).where(Delivery.id.in_(staged)).order_by(Delivery.published_at.desc())
    last = db.session.scalars(newest).first()
    assert last is not None
    assert in_force()[world.doras_cloud] == charged == last.amount
    assert sum(amount for _kind, amount, _balance in entries(world.direct)) == -last.amount
    assert (prepared, problems()) == ([last.id], [])


@GUARDED
def test_of_two_imports_that_begin_at_once_one_is_told_that_the_other_runs(
    app: Flask, world: World, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    deliver(row("300", world.doras_cloud))
    barrier, is_refused = threading.Barrier(len(COSTS)), threading.Event()
    finish = usage_imports._finish

    def finish_late(*arguments: Any) -> bool:
        assert is_refused.wait(PATIENCE)  # the other one begins while this one is being staged
        return finish(*arguments)

    def import_at_once(cost: str) -> str:
        barrier.wait(PATIENCE)
        try:
            return stage(row(cost, world.doras_cloud))
        finally:
            is_refused.set()

    if not is_guarded:
        monkeypatch.setattr(staging, "_free_source", lambda _source: None)
    monkeypatch.setattr(usage_imports, "_finish", finish_late)
    outcomes = at_once(app, *(partial(import_at_once, it) for it in COSTS))
    (refusal,) = [outcome for outcome in outcomes if not outcome.startswith("dlv")]
    (delivery_id,) = [outcome for outcome in outcomes if outcome.startswith("dlv")]
    assert refusal == ("usage-import-running" if is_guarded else "IntegrityError")
    assert db.session.get_one(Delivery, delivery_id).state is State.STAGED
    publish(delivery_id)
    assert problems() == []
