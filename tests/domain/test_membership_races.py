"""A person loses both of their roles on a cloud at once, on PostgreSQL; with a control."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from portal import db, worker
from portal.domain import cloud_access, locks, memberships, team
from portal.domain.access import CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud
from portal.domain.connections import Connection
from portal.domain.identity import User
from portal.domain.jobs import Kind
from portal.domain.memberships import CloudIdentity
from tests.domain.test_races import Run, race
from tests.support.cloud_access import give
from tests.support.memberships import (
    add_memberships,
    memberships_of,
    pretend_connection,
    put_on,
)
from tests.support.world import DORA, EDDIE, OLGA, SAM, World, actor, signed_in, user

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)

__all__ = ["race"]


@pytest.fixture
def shop(app: object, world: World) -> str:
    """Eddie has access to Dora's cloud by hand and as staff of North."""

    def unit() -> None:
        put_on(pretend_connection(), world.doras_cloud)
        add_memberships(EDDIE, world.doras_cloud)

    db.write(unit)
    give(world.doras_cloud, CloudRole.EDITOR, to=world.north)
    give(world.doras_cloud, CloudRole.EDITOR, to=EDDIE)
    return world.doras_cloud


def losing(world: World) -> tuple[Callable[[], None], Callable[[], None]]:
    """Dora takes his role, and Olga removes him from the staff."""
    dora, olga, eddie = actor(DORA), actor(OLGA), user(EDDIE).id

    def revoke() -> None:
        cloud_access.revoke(db.session.get_one(Cloud, world.doras_cloud), by=dora, of=eddie)

    def remove() -> None:
        north = db.session.get_one(BillingAccount, world.north)
        team.remove(of=db.session.get_one(User, eddie), partner=north, by=olga)

    return revoke, remove


def unlocked(key: Any, *conditions: Any, skip_locked: bool = False) -> Any:
    """As `locks.select_for_update`, without the lock."""
    return select(key).where(*conditions).order_by(key)


@pytest.mark.parametrize("is_guarded", [True, pytest.param(False, id="control")])
def test_two_changes_that_take_the_last_role_together_revoke_access(
    shop: str, world: World, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    if not is_guarded:
        monkeypatch.setattr(locks, "select_for_update", unlocked)
    assert race(*losing(world)) == ["done", "done"]
    (row,) = memberships_of(EDDIE)
    assert bool(row.revoking_at) is is_guarded


def test_a_person_who_is_mapped_while_their_role_is_revoked_keeps_no_membership(
    shop: str, race: Run
) -> None:
    """The revoke does not see the membership that is made for the mapping."""
    connection_id = db.read(lambda: db.session.get_one(Cloud, shop).connection_id)
    give(shop, CloudRole.EDITOR, to=SAM)
    sam, dora = user(SAM).id, actor(DORA)

    def map_sam() -> None:
        connection = db.session.get_one(Connection, connection_id)
        person = db.session.get_one(User, sam)
        memberships.map_person(person, connection, provider="idp", subject="sam", by=COMMAND)

    def revoke() -> None:
        cloud_access.revoke(db.session.get_one(Cloud, shop), by=dora, of=sam)

    assert race(map_sam, revoke) == ["done", "done"]
    while worker.run_next(Kind.CLOUDS):
        pass
    (row,) = memberships_of(SAM)
    assert row.revoking_at is not None


def test_an_access_is_ordered_while_upkeep_makes_the_membership(
    shop: str, world: World, race: Run
) -> None:
    connection_id = db.read(lambda: db.session.get_one(Cloud, shop).connection_id)
    give(shop, CloudRole.EDITOR, to=SAM)
    ids = {"user_id": user(SAM).id, "connection_id": connection_id}
    db.write(lambda: db.session.add(CloudIdentity(**ids, provider="idp", subject="sam")))
    sam = signed_in(SAM)

    def get() -> None:
        memberships.get_access(db.session.get_one(Cloud, shop), by=sam, name="CI", days=1)

    assert race(memberships.settle_due, get) == ["done", "done"]
    assert len(memberships_of(SAM)) == 1


def test_an_access_ordered_while_the_role_is_lost_is_refused_or_revoked(
    shop: str, world: World, race: Run
) -> None:
    revoke, remove = losing(world)
    db.write(revoke)
    eddie = signed_in(EDDIE)

    def get() -> None:
        memberships.get_access(db.session.get_one(Cloud, shop), by=eddie, name="CI", days=1)

    race(remove, get)
    assert all(row.revoking_at for row in memberships_of(EDDIE))
