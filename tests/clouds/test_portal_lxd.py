"""*Revoke and stop*, and what a person's certificate may, on a real LXD by the portal's worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask

from portal import db
from portal.domain import connections
from portal.domain.access import CloudRole
from portal.providers import contract
from portal.providers.contract import Access, How
from tests.clouds.lxd import Server
from tests.clouds.lxd_people import Person
from tests.providers.system import create
from tests.support.cloud_access import give, revoke
from tests.support.connections import add_connection, use_key, use_kind
from tests.support.memberships import get_access, memberships_of, put_on, run_orders
from tests.support.metering import deliver_due, find_ability, set_rates
from tests.support.money import charges_of, problems
from tests.support.relay import clear_mails
from tests.support.world import SAM, Clock, World


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
    key: None, world: World, clock: Clock, lxd_server: Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Dora's cloud as a project; Sam is editor on it."""
    clock.now = datetime.now(UTC)  # as LXD has it: accesses end by its clock
    lxd = lxd_server.connection(seconds=10)
    use_kind(monkeypatch, lambda _settings, _credentials: lxd, can_stop=True)
    connection, findings = add_connection(), connections.Findings(("access", "suspend"), (), 0)
    external_id = create(lxd, contract.Cloud(world.doras_cloud, "Shop"))

    def unit() -> None:
        connections.record_test(connection.id, findings)
        put_on(connection.id, world.doras_cloud, external_id=external_id)

    db.write(unit)
    give(world.doras_cloud, CloudRole.EDITOR, to=SAM)
    yield world.doras_cloud
    lxd_server.delete_project(external_id)


def test_a_project_taken_from_a_certificate_by_hand_is_no_role_of_its_person(
    shop: str, lxd_server: Server
) -> None:
    def listed() -> list[str]:
        rows = lxd_server.connection().everything()
        return [member for row in rows if row.our_id == shop for member in row.members or ()]

    sam = Person(lxd_server, Access(How.TEXT, get_access(SAM, shop).text))
    (membership,) = memberships_of(SAM)
    assert listed() == [membership.id]
    (row,) = [
        row
        for row in lxd_server.call("GET", "/certificates?recursion=1")
        if sam.project in row["projects"]
    ]

    lxd_server.call("PUT", f"/certificates/{row['fingerprint']}", {**row, "projects": ["default"]})

    assert not sam.is_let_in()
    assert listed() == []


def test_revoke_and_stop_ends_an_open_console(
    shop: str, lxd_server: Server, tmp_path: Path
) -> None:
    sam = Person(lxd_server, Access(How.TEXT, get_access(SAM, shop).text))
    sam.start_instance("server")
    console = sam.open_console("server", tmp_path)
    console.run("echo $((6 * 7))-a")
    assert b"42-a" in console.read_until(b"42-a")

    revoke(shop, of=SAM, stop=True)
    run_orders()

    assert sam.states() == {"server": "Stopped"}
    assert not sam.is_let_in()
    console.close()


def test_what_a_project_is_given_is_sampled_and_delivered_at_the_rates(
    shop: str, lxd_server: Server, clock: Clock
) -> None:
    sam = Person(lxd_server, Access(How.TEXT, get_access(SAM, shop).text))
    sam.start_instance("server", config={"limits.cpu": "2"})
    find_ability("usage-sample")
    day = db.read(db.now).date()
    set_rates(day, cpu=Decimal("0.5"))
    deliver_due()  # a sample
    clock.forward(days=1, hours=3)
    deliver_due()

    assert charges_of("cloud_id", "service") == {(shop, "CPU"): Decimal(1)}
    assert problems() == []
