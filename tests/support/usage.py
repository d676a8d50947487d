"""Deliveries of usage for tests."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from sqlalchemy import select

from portal import db, usage_files
from portal.domain import doctor, usage
from portal.domain.actors import COMMAND
from portal.domain.doctor import usage as checks
from portal.domain.usage import Delivery, Mode, State, UsageKey, UsageSource
from portal.usage_files import UsageReading
from portal.worker import usage_imports, usage_posting
from tests.support.usage_files import FOCUS, focus_rows


def add_source(name: str = "Vendor", **options: str) -> UsageSource:
    """The source of this name, added if there is none."""

    def unit() -> UsageSource:
        return usage.find_source(name) or usage.add_source(name, by=COMMAND, **options)

    return db.write(unit)


def stage(
    *rows: dict[str, str],
    source: str = "Vendor",
    mode: Mode = Mode.OVERWRITE,
    columns: Sequence[str] = tuple(FOCUS),
) -> str:
    """Stage a delivery of these rows; its ID."""
    add_source(source)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "usage.csv"
        path.write_text(focus_rows(*rows, columns=columns))
        files = [usage_files.unpack(path, folder)]
        terms = db.read(lambda: usage_imports.terms_of(find(source)))
        with UsageReading.open(files, terms, folder) as reading:
            staging = db.write(
                lambda: usage.begin(find(source), mode=mode, files=files, by=COMMAND)
            )
            usage_imports.stage(staging, reading)
            with pytest.raises(duckdb.ConnectionException):  # else two engines had their memory
                reading.select("SELECT 1")
    return staging.delivery_id


def find(name: str) -> UsageSource:
    source = usage.find_source(name)
    assert source is not None
    return source


def publish(delivery_id: str, **options: bool) -> None:
    usage_posting.publish(delivery_id, by=COMMAND, **options)


def deliver(
    *rows: dict[str, str],
    source: str = "Vendor",
    mode: Mode = Mode.OVERWRITE,
    columns: Sequence[str] = tuple(FOCUS),
) -> str:
    """Publish a delivery of these rows; its ID."""
    delivery_id = stage(*rows, source=source, mode=mode, columns=columns)
    publish(delivery_id)
    return delivery_id


def remove(delivery_id: str) -> None:
    usage_posting.remove(delivery_id, by=COMMAND)


def in_force() -> dict[str, Decimal]:
    """The sums in force by key."""

    def load() -> dict[str, Decimal]:
        query = select(UsageKey.key, usage.DeliveryKey).join(
            usage.DeliveryKey, usage.DeliveryKey.key_id == UsageKey.id
        )
        sums: dict[str, Decimal] = {}
        for key, row in db.session.execute(query.where(usage.counts(usage.DeliveryKey))):
            sums[key] = sums.get(key, Decimal(0)) + row.amount
        return sums

    return db.read(load)


def state_of(delivery_id: str) -> State:
    return db.read(lambda: db.session.get_one(Delivery, delivery_id).state)


def problems() -> list[str]:
    """What the doctor's checks of usage find."""
    found = [each for each in doctor.CHECKS if each in vars(checks).values()]
    return db.read(lambda: [f"{c.name}: {p.thing}" for c in found for p in c.find()])
