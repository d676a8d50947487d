"""Two owners of a cloud at once, on PostgreSQL: one owner remains; each rule with its control."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal import db
from portal.domain import access, cloud_access, values
from portal.domain.access import CloudAccess, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud
from portal.domain.identity import User
from tests.domain.test_races import Run, race, without_locks
from tests.support.world import DORA, NINA, SAM, World, actor, user

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)

__all__ = ["race"]

GUARDED = pytest.mark.parametrize("is_guarded", [True, pytest.param(False, id="control")])


def give_sam(world: World, role: CloudRole) -> None:
    def unit() -> None:
        access.assign_cloud_role(role, cloud_id=world.doras_cloud, user_id=user(SAM).id, by=COMMAND)

    db.write(unit)


def owners(world: World) -> int:
    rows = db.session.query(CloudAccess).filter_by(cloud_id=world.doras_cloud, revoked_at=None)
    return rows.filter_by(role=CloudRole.OWNER).count()


def found(world: World) -> Cloud:
    return db.session.get_one(Cloud, world.doras_cloud)


def revoking(world: World, *, by: str, of: str) -> Callable[[], None]:
    who, holder = actor(by), user(of).id
    return lambda: cloud_access.revoke(found(world), by=who, of=holder)


@GUARDED
def test_two_owners_remove_each_other_and_one_remains(
    world: World, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    give_sam(world, CloudRole.OWNER)
    if not is_guarded:
        without_locks(monkeypatch, Cloud)
    outcomes = race(revoking(world, by=DORA, of=SAM), revoking(world, by=SAM, of=DORA))
    assert outcomes == (["done", "role-missing"] if is_guarded else ["done", "done"])
    assert owners(world) == (1 if is_guarded else 0)


@GUARDED
def test_two_owners_leave_at_once_and_one_remains(
    world: World, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    give_sam(world, CloudRole.OWNER)
    if not is_guarded:
        without_locks(monkeypatch, Cloud)
    outcomes = race(revoking(world, by=DORA, of=DORA), revoking(world, by=SAM, of=SAM))
    assert outcomes == (["done", "last-cloud-owner"] if is_guarded else ["done", "done"])
    assert owners(world) == (1 if is_guarded else 0)


@GUARDED
def test_one_person_added_twice_at_once_has_one_role(
    world: World, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    dora, nina = actor(DORA), values.email(NINA)
    if not is_guarded:
        without_locks(monkeypatch, Cloud, User, BillingAccount)

    def add(role: CloudRole) -> Callable[[], str]:
        return lambda: cloud_access.grant(found(world), by=dora, role=role, to=nina)

    outcomes = race(add(CloudRole.VIEWER), add(CloudRole.EDITOR))
    assert outcomes == (["done", "has-role"] if is_guarded else ["done", "done"])
    rows = db.session.query(CloudAccess).filter_by(cloud_id=world.doras_cloud)
    assert rows.filter_by(user_id=user(NINA).id).count() == (1 if is_guarded else 2)
