"""Connections that deliver usage, for tests."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import select

from portal import db
from portal.domain import connections
from portal.domain.connections import Findings
from portal.domain.usage import Delivery, DeliveryScope, State, UsageSource
from portal.providers.contract import Usage
from tests.support.jobs import run_upkeep
from tests.support.pretended_cloud import PretendedCloud, run_orders, use_pretended


def use_metered(patch: pytest.MonkeyPatch, ability: str = "usage-history") -> PretendedCloud:
    """Let new clouds be created on a pretended connection that delivers usage."""
    there = use_pretended(patch)
    find_ability(ability)
    return there


def find_ability(ability: str) -> None:
    """Have a test find that the default connection can do this."""

    def unit() -> None:
        connections.record_test(connections.default().id, Findings(abilities=(ability,)))

    db.write(unit)


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
