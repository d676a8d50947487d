"""Rows of usage go after RAW_MONTHS; sums and charges stay, and nothing takes them back."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import select

from portal import db
from portal.domain import usage
from portal.domain.actors import COMMAND
from portal.domain.errors import Refused
from portal.domain.usage import Delivery, DeliveryPart, Mode, UsageKey, retention
from tests.support.jobs import run_usage
from tests.support.money import charges_of, problems, row
from tests.support.usage import deliver, find, in_force, publish, remove, stage
from tests.support.world import Clock, World

D = Decimal


def purge() -> None:
    while db.write(usage.purge_expired):
        assert problems() == []


def kept() -> set[str]:
    return db.read(lambda: set(db.session.scalars(select(DeliveryPart.delivery_id))))


def refusal(unit: Callable[[], object]) -> str:
    with pytest.raises(Refused) as error:
        unit()
    return str(error.value.code)


def key(name: str) -> UsageKey:
    found = usage.find_key(find("Vendor"), name)
    assert found is not None
    return found


def unassign() -> None:
    usage.unassign(key("project"), by=COMMAND)


def test_after_raw_months_rows_go_and_sums_and_charges_stay(
    app: Flask, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PARTS_BATCH", 1)
    unknown = {"BillingPeriodStart": "2026-04-01", "BillingPeriodEnd": "2026-05-01"}
    old = deliver(row("3", world.doras_cloud), row("4", "project"), row("5", "late", **unknown))
    clock.forward(days=400)
    later = deliver(row("20", "project"), mode=Mode.APPEND)
    db.write(lambda: usage.assign(key("project"), cloud_id=world.doras_cloud, by=COMMAND))
    run_usage()
    clock.forward(days=300)
    purge()
    assert kept() == {old, later}
    clock.forward(days=61)  # the month after that of the first delivery is 24 months ago
    purge()
    assert kept() == {later}
    assert in_force() == {world.doras_cloud: D(3), "project": D(24), "late": D(5)}
    assert charges_of("cloud_id") == {(world.doras_cloud,): D(27)}

    assert refusal(lambda: remove(old)) == "usage-rows-purged"
    snapshot = stage(row("1", "project"))
    changes = db.read(lambda: usage.changes_of(db.session.get_one(Delivery, snapshot)))
    assert changes is not None
    assert (changes.rows, changes.refusal and changes.refusal.code) == ([], "usage-rows-purged")
    assert refusal(lambda: publish(snapshot)) == "usage-rows-purged"
    assert refusal(lambda: db.write(unassign)) == "usage-rows-purged"
    assert problems() == []

    for name in ("project", "late"):
        db.write(lambda: usage.assign(key(name), cloud_id=world.ninas_cloud, by=COMMAND))  # noqa: B023
    run_usage()
    assert charges_of("cloud_id") == {(world.doras_cloud,): D(7), (world.ninas_cloud,): D(20)}
    (before,) = db.read(lambda: usage.before_for(COMMAND))
    assert (before.cloud_id, before.sum) == (world.ninas_cloud, (1, D(5)))
    remove(later)
    deliver(row("2", world.doras_cloud), mode=Mode.APPEND)
    assert charges_of("cloud_id") == {(world.doras_cloud,): D(9)}
    assert db.session.get_one(Delivery, old).rows_purged_at is not None
    assert problems() == []
