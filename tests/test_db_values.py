"""What the database keeps exactly: instants, money; and the IDs it is given."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import StatementError

from portal import db
from portal.domain.ledger import Lot
from tests.support.world import Clock, World

pytestmark = pytest.mark.both_databases


def test_now_is_read_once_per_unit_of_work(app: Flask, clock: Clock) -> None:
    for begin in (db.read, db.write):
        first, again = begin(lambda: (db.now(), db.now()))
        assert first == again
        assert begin(db.now) > again


def test_on_postgresql_now_is_the_databases(
    app: Flask, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(db.time, "clock", db.time._database_clock)
    before = datetime.now(UTC)
    if kind == "postgresql":
        now, its = db.write(
            lambda: (
                db.now(),
                db.session.execute(text("SELECT transaction_timestamp()")).scalar_one(),
            )
        )
        assert now == its
    now = db.write(db.now)
    assert now.utcoffset() == timedelta(0)
    assert before - timedelta(minutes=1) < now < before + timedelta(minutes=10)


LOT = "lot00000000000000000"


def grant(world: World, **wanted: Any) -> None:
    """Money on an account that has had none."""
    given: dict[str, Any] = {
        "amount": Decimal(1),
        "granted_at": datetime(2026, 1, 1, tzinfo=UTC),
        "granted_by": "command",
        "first_on": date(2026, 1, 1),
        "last_on": date(2027, 1, 1),
    } | wanted
    db.write(lambda: db.session.add(Lot(id=LOT, account_id=world.north, **given)))


def granted(world: World) -> Lot | None:
    """The same, read again."""
    db.session.rollback()
    return db.session.get(Lot, LOT)


def test_an_instant_comes_back_as_it_was_in_utc(app: Flask, world: World) -> None:
    tokyo = datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=9)))
    grant(world, granted_at=tokyo)
    found = granted(world)
    assert found is not None
    assert found.granted_at == tokyo
    assert found.granted_at.tzinfo is UTC


def test_an_instant_without_a_zone_is_refused(app: Flask, world: World) -> None:
    with pytest.raises(StatementError, match="an instant without a zone"):
        grant(world, granted_at=datetime(2027, 1, 1))  # noqa: DTZ001 - what is refused
    assert granted(world) is None


@pytest.mark.parametrize(
    "amount", ["0", "0.000001", "4000", "49.50", "1234567890123.123456", "0.1", "1E+3", "1.0000000"]
)
def test_money_comes_back_exactly(app: Flask, world: World, amount: str) -> None:
    grant(world, amount=Decimal(amount))
    found = granted(world)
    assert found is not None
    assert found.amount == Decimal(amount)
    assert isinstance(found.amount, Decimal)


def test_many_small_amounts_sum_to_the_whole(app: Flask, world: World) -> None:
    def spend(amount: str) -> None:
        row = db.lock(Lot, LOT)
        row.used += Decimal(amount)

    grant(world)
    for _ in range(9):
        db.write(lambda: spend("0.1"))
    db.write(lambda: spend("0.099999"))
    found = granted(world)
    assert found is not None
    assert found.remaining == Decimal("0.000001")


@pytest.mark.parametrize(
    ("amount", "fault"),
    [
        ("0.0000001", "six decimal places"),
        ("1.1234567", "six decimal places"),
        ("1.0000000000000000000000000001", "six decimal places"),
        ("NaN", "six decimal places"),
        ("Infinity", "InvalidOperation"),
        ("1E+20", "out of range|too large"),
        ("1E+30", "InvalidOperation"),
    ],
)
def test_money_that_cannot_be_kept_exactly_is_refused(
    app: Flask, world: World, amount: str, fault: str
) -> None:
    with pytest.raises((StatementError, OverflowError), match=f"(?i){fault}"):
        grant(world, amount=Decimal(amount))
    assert granted(world) is None


def test_an_id_is_its_prefix_and_seventeen_of_thirty_two_characters(app: Flask) -> None:
    found = {db.new_id("dn2") for _ in range(200)}
    assert len(found) == 200
    assert all(re.fullmatch(r"dn2[0-9a-v]{17}", ident) for ident in found)


def test_ids_sort_as_they_were_made(app: Flask, clock: Clock) -> None:
    made = []
    for span in (0.002, 0.04, 1.1, 70, 4000, 100_000, 40_000_000, 3_000_000_000):
        made.append(db.write(lambda: db.new_id("b1g")))
        clock.forward(seconds=span)
    made.append(db.write(lambda: db.new_id("b1g")))
    assert made == sorted(made)
    assert len({len(ident) for ident in made}) == 1
