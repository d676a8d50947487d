"""Reconcile: what a connection has is compared with the portal; operators decide what differs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal import db, worker
from portal.domain import clouds, connections, drift
from portal.domain.access import CloudRole
from portal.domain.clouds import ProgressState
from portal.domain.connections import Connection
from portal.domain.drift import Drift, DriftKind, FoundCloud
from portal.domain.errors import Refused
from portal.domain.jobs import Job, Kind, OrderKind
from portal.providers.contract import Later, Role
from tests.domain.test_lock_order import faults
from tests.support.claims import clouds_with, map_person, register
from tests.support.cloud_access import change, give, revoke
from tests.support.clouds import create_cloud, own_account_id
from tests.support.jobs import run_upkeep
from tests.support.memberships import add_memberships, memberships_of
from tests.support.pretended_cloud import (
    PretendedCloud,
    cloud_now,
    progress,
    run_orders,
    use_pretended,
)
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import DORA, SAM, Clock, World


@pytest.fixture
def there(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> PretendedCloud:
    clear_mails()
    return use_pretended(monkeypatch)


@pytest.fixture
def shop(there: PretendedCloud) -> str:
    """Dora's cloud, which is carried out."""
    cloud_id = create_cloud(DORA, name="shop")
    run_orders()
    return cloud_id


def place() -> Connection:
    return db.read(connections.default)


def reconcile() -> list[str]:
    """Compare the connection; the kinds of what differs."""
    by, connection = appoint_operator(), place()
    db.write(lambda: drift.queue_reconcile(connection, by=by))
    run_orders()
    return [row.drift.kind for row in rows()]


def rows() -> list[drift.DriftRow]:
    by, connection = appoint_operator(), place()
    return db.read(lambda: drift.drift_for(by, connection))


def decide(verb: Callable[..., object]) -> None:
    """Decide the only difference, and carry out what that orders."""
    (row,), by = rows(), appoint_operator()
    db.write(lambda: verb(db.session.get_one(Drift, row.drift.id), by=by))
    run_orders()


def has_role(there: PretendedCloud, shop: str) -> str:
    """Sam edits Dora's cloud, there too; the ID of his membership."""
    give(shop, CloudRole.EDITOR, to=SAM)
    db.write(lambda: add_memberships(SAM, shop))
    (membership,) = memberships_of(SAM)
    there.members[f"ext-{shop}"] = {membership.id: Role.EDITOR}
    return membership.id


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refusal:
        act()
    return refusal.value.code


def foreign() -> list[str]:
    connection = place()
    return [row.external_id for row in db.read(lambda: drift.foreign_clouds(connection))]


def test_what_is_as_carried_out_does_not_differ(there: PretendedCloud, shop: str) -> None:
    assert reconcile() == []
    assert foreign() == []
    ended = db.read(lambda: drift.reconciliation_of(place()))
    assert ended is not None
    assert (ended.fault, ended.ended_at is None) == (None, False)


def test_a_name_that_was_changed_there_is_adopted_or_restored(
    there: PretendedCloud, shop: str
) -> None:
    there.clouds[f"ext-{shop}"]["name"] = "bazaar"
    assert reconcile() == ["renamed"]
    assert there.clouds[f"ext-{shop}"]["name"] == "bazaar"  # nothing is undone silently
    decide(drift.restore)
    assert there.clouds[f"ext-{shop}"]["name"] == "shop"
    assert reconcile() == []

    there.clouds[f"ext-{shop}"]["name"] = "bazaar"
    reconcile()
    calls = list(there.calls)
    decide(drift.adopt)
    assert cloud_now(shop).name == "bazaar"
    assert there.calls == calls
    assert reconcile() == []


def test_a_suspension_by_hand_is_only_restored(there: PretendedCloud, shop: str) -> None:
    there.clouds[f"ext-{shop}"]["is_suspended"] = True
    assert reconcile() == ["suspended"]
    assert refused(lambda: decide(drift.adopt)) == "drift-over"
    decide(drift.restore)
    assert there.clouds[f"ext-{shop}"]["is_suspended"] is False
    assert reconcile() == []


def test_a_cloud_that_is_taken_over_is_compared_at_once(there: PretendedCloud) -> None:
    there.add("prj-1")
    there.clouds["prj-1"]["is_suspended"] = True
    there.members["prj-1"] = {"dora@idp": Role.OWNER}
    map_person(DORA, place().id, "dora@idp")
    register(place().id, "prj-1")
    run_orders()
    (cloud,) = clouds_with("prj-1")
    assert {(row.drift.cloud_id, row.drift.kind) for row in rows()} >= {(cloud.id, "suspended")}


def test_a_cloud_that_was_deleted_there_is_created_again_and_access_is_taken_again(
    there: PretendedCloud, shop: str
) -> None:
    db.write(lambda: add_memberships(DORA, shop))
    del there.clouds[f"ext-{shop}"]
    assert reconcile() == ["missing"]
    decide(drift.restore)
    assert there.marks[f"ext-{shop}"] == shop
    assert progress(shop).state is ProgressState.READY
    assert [row.revoked_at is None for row in memberships_of(DORA)] == [False]
    assert reconcile() == []


def test_a_cloud_that_was_deleted_there_is_closed_here(there: PretendedCloud, shop: str) -> None:
    del there.clouds[f"ext-{shop}"]
    reconcile()
    calls = list(there.calls)
    decide(drift.adopt)
    assert progress(shop).state is ProgressState.CLOSED
    assert there.calls == calls
    assert reconcile() == []


def test_a_second_cloud_with_our_mark_is_shown_and_neither_taken_nor_assigned(
    there: PretendedCloud, shop: str
) -> None:
    there.add("copy", name="shop", our_id=shop)
    assert reconcile() == ["doubled"]
    assert foreign() == []
    for verb in (drift.adopt, drift.restore):
        assert refused(lambda: decide(verb)) == "drift-over"  # noqa: B023
    del there.clouds["copy"]
    assert reconcile() == []


def test_a_role_that_was_given_there_is_accepted_once(there: PretendedCloud, shop: str) -> None:
    db.write(lambda: add_memberships(DORA, shop))
    (membership,) = memberships_of(DORA)
    there.members[f"ext-{shop}"] = {membership.id: Role.EDITOR, "root": Role.OWNER}
    assert reconcile() == ["role"]
    assert rows()[0].drift.theirs == "root"
    assert refused(lambda: decide(drift.restore)) == "drift-over"
    decide(drift.adopt)
    assert reconcile() == []
    there.members[f"ext-{shop}"] = {membership.id: Role.EDITOR}
    reconcile()
    there.members[f"ext-{shop}"]["root"] = Role.OWNER
    assert reconcile() == ["role"]  # it was taken away between the two


def test_a_role_of_somebody_who_was_revoked_here_is_revoked_there_again(
    there: PretendedCloud, shop: str
) -> None:
    membership_id = has_role(there, shop)
    revoke(shop, of=SAM)
    run_orders()
    assert reconcile() == []
    there.members[f"ext-{shop}"] = {membership_id: Role.EDITOR}
    assert reconcile() == ["role"]
    decide(drift.restore)
    assert there.members[f"ext-{shop}"] == {}
    assert reconcile() == []


def test_a_role_that_was_lost_there_is_given_to_a_new_membership(
    there: PretendedCloud, shop: str
) -> None:
    membership_id = has_role(there, shop)
    assert reconcile() == []
    there.members[f"ext-{shop}"] = {}
    assert reconcile() == ["lost-role"]
    assert refused(lambda: decide(drift.adopt)) == "drift-over"
    decide(drift.restore)
    (now,) = there.members[f"ext-{shop}"]
    assert now != membership_id  # the secrets of the former one stay refused
    assert reconcile() == []


def test_a_role_that_was_changed_there_is_given_again_or_left(
    there: PretendedCloud, shop: str
) -> None:
    membership_id = has_role(there, shop)
    there.members[f"ext-{shop}"][membership_id] = Role.VIEWER
    assert reconcile() == ["changed-role"]
    decide(drift.restore)
    assert there.members[f"ext-{shop}"] == {membership_id: Role.EDITOR}
    assert reconcile() == []

    there.members[f"ext-{shop}"][membership_id] = Role.OWNER
    assert reconcile() == ["changed-role"]
    decide(drift.adopt)
    assert reconcile() == []
    there.members[f"ext-{shop}"][membership_id] = Role.ADMIN
    assert reconcile() == ["changed-role"]  # that one was not left


def test_a_role_that_is_being_changed_differs_from_nothing(
    there: PretendedCloud, shop: str
) -> None:
    membership_id = has_role(there, shop)
    there.fail(Later("its answer was lost"), is_done=True)
    change(shop, CloudRole.VIEWER, of=SAM)
    run_orders()
    assert there.members[f"ext-{shop}"] == {membership_id: Role.VIEWER}
    assert reconcile() == []


def test_a_connection_that_does_not_say_what_a_role_is_there_compares_none(
    there: PretendedCloud, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(there, "role_there", lambda _role: None)
    membership_id = has_role(there, shop)
    there.members[f"ext-{shop}"][membership_id] = Role.VIEWER
    assert reconcile() == []


def test_a_foreign_cloud_is_assigned_to_an_account(
    there: PretendedCloud, world: World, shop: str
) -> None:
    there.add("prj-1", name="Old racks")
    there.add("prj-2")
    assert reconcile() == []
    assert foreign() == ["prj-1", "prj-2"]
    connection, by, account_id = place(), appoint_operator(), own_account_id(DORA)

    def assign(external_id: str, account_id: str = account_id) -> None:
        ids = {"external_id": external_id, "account_id": account_id, "name": "Racks"}
        db.write(lambda: drift.assign(connection, by=by, **ids))

    assign("prj-1")

    (cloud,) = clouds_with("prj-1")
    assert db.read(lambda: clouds.payer_of(cloud_now(cloud.id)).id) == account_id
    run_orders()
    assert (there.marks["prj-1"], cloud.name) == (cloud.id, "Racks")
    assert foreign() == ["prj-2"]
    assert refused(lambda: assign("prj-1")) == "foreign-cloud-over"
    assert refused(lambda: assign("nobody's")) == "foreign-cloud-over"
    assert refused(lambda: assign("prj-2", "dn2")) == "account-unknown"
    assert refused(lambda: assign("prj-2", world.carls_subaccount)) == "customer-not-confirmed"


def test_a_list_that_breaks_off_changes_nothing_that_was_known(
    there: PretendedCloud, shop: str
) -> None:
    there.add("prj-1")
    reconcile()
    there.clouds.clear()
    there.fail(Later("no answer"))
    assert reconcile() == []
    assert foreign() == ["prj-1"]


def test_it_runs_hourly_and_one_at_a_time(there: PretendedCloud, clock: Clock) -> None:
    def orders() -> int:
        is_order = Job.subject_kind == OrderKind.RECONCILE
        return db.read(lambda: db.session.scalar(select(func.count()).where(is_order)) or 0)

    run_upkeep("reconcile")
    assert orders() == 1
    clock.forward(hours=1, minutes=1)
    run_upkeep("reconcile")
    assert orders() == 1
    run_orders()
    clock.forward(hours=1, minutes=1)
    run_upkeep("reconcile")
    assert orders() == 2
    assert not worker.run_next(Kind.IMPORTS)


def test_rows_come_in_batches(
    there: PretendedCloud, monkeypatch: pytest.MonkeyPatch, shop: str
) -> None:
    for module in (drift, drift.comparing):
        monkeypatch.setattr(module, "BATCH", 2)
    for number in range(5):
        there.add(f"prj-{number}")
    for _ in range(4):
        create_cloud(DORA, name="more")
    run_orders()
    del there.clouds[f"ext-{shop}"]
    assert reconcile() == ["missing"]
    assert len(foreign()) == 5
    reconcile()
    assert db.read(lambda: db.session.scalar(select(func.count()).select_from(FoundCloud))) == 9


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_its_verbs_lock_in_the_one_order(there: PretendedCloud, world: World, shop: str) -> None:
    connection, by, account_id = place(), appoint_operator(), own_account_id(DORA)
    db.write(lambda: add_memberships(DORA, shop))
    there.add("prj-1")
    (membership,) = memberships_of(DORA)
    there.members[f"ext-{shop}"] = {"root": Role.OWNER, membership.id: Role.VIEWER}
    there.clouds[f"ext-{shop}"]["name"] = "bazaar"
    reconcile()
    ids = {"external_id": "prj-1", "account_id": account_id}
    found = {row.drift.kind: row.drift.id for row in rows()}
    del there.clouds[f"ext-{shop}"]
    for unit in (
        lambda: drift.queue_reconcile(connection, by=by),
        drift.reconcile_all,
        lambda: drift.adopt(db.session.get_one(Drift, found[DriftKind.RENAMED]), by=by),
        lambda: drift.restore(db.session.get_one(Drift, found[DriftKind.CHANGED_ROLE]), by=by),
        lambda: drift.assign(connection, by=by, name="x", **ids),
    ):
        assert faults(unit) == []
    reconcile()
    missing = next(row.drift for row in rows() if row.drift.kind == "missing")
    assert faults(lambda: drift.restore(db.session.get_one(Drift, missing.id), by=by)) == []
