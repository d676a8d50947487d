"""Connections that deliver usage, for tests."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import select

from portal import db
from portal.domain import connections, metering
from portal.domain.connections import Connection, Findings
from portal.domain.metering import RATED
from portal.domain.usage import Delivery, DeliveryScope, State, UsageSource
from portal.providers.contract import Usage
from tests.support.jobs import run_upkeep
from tests.support.pretended_cloud import PretendedCloud, run_orders, use_pretended
from tests.support.work import appoint_operator


def use_metered(patch: pytest.MonkeyPatch, ability: str = "usage-history") -> PretendedCloud:
    """Let new clouds be created on a pretended connection that delivers usage."""
    there = use_pretended(patch)
    find_ability(ability)
    return there


def find_ability(ability: str, name: str = "Frankfurt") -> None:
    """Have a test find that the connection can do this."""
    db.write(lambda: connections.record_test(place(name).id, Findings(abilities=(ability,))))


def place(name: str = "Frankfurt") -> Connection:
    """The connection of this name."""
    connection = connections.find(name)
    assert connection is not None
    return connection


def set_rates(since_on: date, **rates: Decimal) -> None:
    """An operator sets rates; those that are not named are 0."""
    by, given = appoint_operator(), dict.fromkeys(RATED, Decimal(0)) | rates
    db.write(lambda: metering.set_rates(place(), since_on=since_on, rates=given, by=by))
    run_orders()


def used(cloud_id: str, cost: str = "1", resource: str = "v1") -> Usage:
    """A GiB of a volume on a pretended cloud."""
    return Usage(f"ext-{cloud_id}", resource, "volume", Decimal(1), "GiB", Decimal(cost))


def deliver_due() -> None:
    """Order what is due, and carry it out."""
    run_upkeep("fetch-usage")
    run_orders()


def deliveries() -> list[Delivery]:
    """The deliveries of connections, the oldest first."""
    query = select(Delivery).join(UsageSource).where(UsageSource.connection_id.is_not(None))
    return db.read(lambda: list(db.session.scalars(query.order_by(Delivery.id))))


def days_in_force() -> dict[date, Decimal]:
    """What the days in force cost."""
    query = select(DeliveryScope).join(Delivery, Delivery.id == DeliveryScope.delivery_id)
    query = query.where(Delivery.state == State.PUBLISHED, DeliveryScope.ended_at.is_(None))
    rows = db.read(lambda: list(db.session.scalars(query.order_by(DeliveryScope.scope_on))))
    return {row.scope_on: row.amount for row in rows}
