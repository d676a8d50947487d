"""A month of a real CloudKitty, delivered by the portal's own worker and charged."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask

from portal import db
from portal.domain import connections
from tests.clouds.domains import Domain
from tests.clouds.rating import Rating
from tests.support.connections import add_connection, use_key, use_kind
from tests.support.memberships import put_on
from tests.support.metering import days_in_force, deliver_due, deliveries
from tests.support.money import charges_of, problems
from tests.support.relay import clear_mails
from tests.support.world import Clock, World

FIRST, LAST = date(2026, 3, 2), date(2026, 3, 31)
"""Of March since the cloud is linked."""


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture
def key(app: Flask, tmp_path: Path) -> Iterator[None]:
    """A key to seal with."""
    clear_mails()
    use_key(tmp_path / "keys")
    yield
    connections.configure_keys(list)


@pytest.fixture
def shop(
    key: None, world: World, rating: Rating, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Dora's cloud as a project whose volumes CloudKitty rates; the ID of the project."""
    provider, project_id = rating.connect(domain), secrets.token_hex(16)
    use_kind(monkeypatch, lambda _settings, _credentials: provider)
    connection, abilities = add_connection(), tuple(provider.preflight().abilities)

    def unit() -> None:
        connections.record_test(connection.id, connections.Findings(abilities))
        put_on(connection.id, world.doras_cloud, external_id=project_id)

    db.write(unit)
    return project_id


def meter(rating: Rating, day: date, project_id: str) -> None:
    """Two volumes of the project in two hours of a day, and one of another project."""
    theirs = (secrets.token_hex(16), "v1", "9", "9")
    rating.meter(day, (project_id, "v1", "0.1", "0.3333333333"), theirs)
    rating.meter(
        day, (project_id, "v1", "0.2", "0.3333333333"), (project_id, "v2", "1", "0"), hour=23
    )


def test_a_month_is_delivered_charged_and_corrected_late(
    shop: str, world: World, rating: Rating, clock: Clock
) -> None:
    days = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
    for day in days:
        meter(rating, day, shop)
    clock.forward(days=len(days))  # the first of April
    deliver_due()

    assert days_in_force() == dict.fromkeys(days, Decimal("0.6666666666"))
    month = (world.doras_cloud, "2026-03-01")
    assert charges_of("cloud_id", "month_on") == {month: Decimal("19.999999998")}

    rating.meter(LAST, (shop, "v1", "5", "10.5"), hour=23)  # v2 stays
    clock.forward(days=1)
    deliver_due()

    assert charges_of("cloud_id", "month_on") == {month: Decimal("30.1666666647")}
    assert sum(row.rows for row in deliveries()) == 60 + 4
    assert problems() == []
