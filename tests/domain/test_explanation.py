"""Explain: what somebody may do on a cloud, now or soon, and which row gives it."""

from __future__ import annotations

import pytest
from flask import Flask

from portal import db
from portal.domain import access, cloud_access
from portal.domain.access import CLOUD_TABLE, AccountAccess, AccountRole, CloudAccess, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.cloud_access import explanation
from portal.domain.cloud_access.explanation import SEE, Ability
from portal.domain.clouds import Cloud
from tests.support.world import (
    ACE,
    AMIR,
    CARL,
    DORA,
    EDDIE,
    NAMES,
    NINA,
    OLGA,
    SAM,
    TINA,
    VERA,
    Clock,
    World,
    actor,
    signed_in,
    user,
)

OWNER, ADMIN, EDITOR, VIEWER, MEMBER = CloudRole


def explained(cloud_id: str, email: str | None, *, reader: str = "") -> dict[str, Ability]:
    def question() -> list[Ability]:
        found = db.session.get_one(Cloud, cloud_id)
        who = actor(reader) if reader else COMMAND
        return explanation.explain(found, user(email) if email else None, reader=who)

    return {one.action: one for one in db.read(question)}


def abilities(cloud_id: str, email: str) -> set[str]:
    """What it says that they may do now."""
    return {action for action, one in explained(cloud_id, email).items() if one.is_now}


def give(cloud_id: str, role: CloudRole, **holder: str) -> None:
    db.write(lambda: access.assign_cloud_role(role, cloud_id=cloud_id, by=COMMAND, **holder))


@pytest.mark.parametrize("role", CloudRole)
def test_it_says_of_everybody_what_the_table_and_the_look_up_say(
    app: Flask, world: World, role: CloudRole, clock: Clock
) -> None:
    give(world.ninas_cloud, role, user_id=user(SAM).id)
    give(world.doras_cloud, role, partner_id=world.north)
    for cloud_id in (world.ninas_cloud, world.doras_cloud, world.carls_cloud):
        found = db.session.get_one(Cloud, cloud_id)
        for email in NAMES:
            who = actor(email)
            can = {action for action in CLOUD_TABLE if access.may(who, action, found)}
            seen = {SEE} if db.find(Cloud, cloud_id, who) else set()
            assert abilities(cloud_id, email) == can | seen, (email, cloud_id)


def test_each_ability_names_the_row_that_gives_it(app: Flask, world: World) -> None:
    rows = db.session.query(CloudAccess).filter_by(cloud_id=world.ninas_cloud, revoked_at=None)
    ids = {row.user_id or row.partner_id: row.id for row in rows}
    nina = explained(world.ninas_cloud, NINA)["cloud.relink"]
    (own,) = nina.grants
    assert (own.row_id, own.role, own.partner_name) == (ids[user(NINA).id], OWNER, None)
    eddie = explained(world.ninas_cloud, EDDIE)["cloud.relink"]
    (through,) = eddie.grants
    assert (through.row_id, through.partner_name) == (ids[world.north], "North")
    assert eddie.is_now


def test_a_role_that_is_to_come_is_soon_with_its_time_and_shows_the_cloud_now(
    app: Flask, world: World, clock: Clock
) -> None:
    def grant() -> None:
        found = db.lock(Cloud, world.doras_cloud)
        cloud_access.grant(found, by=signed_in(DORA), role=OWNER, to=world.south)

    db.write(grant)
    said = explained(world.doras_cloud, SAM)
    assert said[SEE].is_now
    for action in CLOUD_TABLE:
        assert not said[action].is_now
        begins = said[action].begins_at
        assert begins is not None
        assert 0 < (begins - db.now()).total_seconds() <= 20
    clock.forward(seconds=20)
    assert abilities(world.doras_cloud, SAM) == {SEE, *CLOUD_TABLE}


def test_a_staff_role_to_come_waits_although_the_partner_has_its_role(
    app: Flask, world: World, clock: Clock
) -> None:
    def hire() -> None:
        north = db.lock(BillingAccount, world.north)
        access.change(AccountRole.EDITOR, of=user(VERA), account=north, by=actor(OLGA))

    db.write(hire)
    said = explained(world.ninas_cloud, VERA)
    assert not said["folder.create"].is_now
    assert said["folder.create"].begins_at is not None
    clock.forward(seconds=20)
    assert "folder.create" in abilities(world.ninas_cloud, VERA)


def test_a_raised_staff_role_does_not_name_the_partners_row_twice(app: Flask, world: World) -> None:
    def raise_eddie() -> None:
        north = db.lock(BillingAccount, world.north)
        access.change(AccountRole.ADMIN, of=user(EDDIE), account=north, by=actor(OLGA))

    db.write(raise_eddie)
    ability = explained(world.ninas_cloud, EDDIE)["cloud.rename"]
    assert [ground.is_now for ground in ability.grants] == [True]


def test_nobody_and_somebody_without_a_role_are_one_answer(app: Flask, world: World) -> None:
    assert explained(world.doras_cloud, None) == explained(world.doras_cloud, SAM)
    assert not any(one.grants for one in explained(world.doras_cloud, None).values())


def test_a_disabled_person_may_nothing(app: Flask, world: World) -> None:
    def disable() -> None:
        user(NINA).disabled_at = db.now()

    db.write(disable)
    assert explained(world.ninas_cloud, NINA) == explained(world.ninas_cloud, None)


def test_who_only_sees_the_account_that_pays_sees_the_cloud_by_that_row(
    app: Flask, world: World
) -> None:
    said = explained(world.ninas_cloud, VERA, reader=OLGA)
    (ground,) = said[SEE].grants
    row = db.session.query(AccountAccess).filter_by(user_id=user(VERA).id, account_id=world.north)
    assert (ground.row_id, ground.role) == (row.one().id, AccountRole.VIEWER)
    assert not any(said[action].grants for action in CLOUD_TABLE)


def test_a_row_on_an_account_that_does_not_exist_for_the_reader_is_not_named(
    app: Flask, world: World
) -> None:
    said = explained(world.ninas_cloud, VERA, reader=NINA)
    (ground,) = said[SEE].grants
    assert (ground.row_id, ground.role) == (None, None)
    nina = explained(world.ninas_cloud, NINA, reader=NINA)[SEE]
    assert all(ground.row_id for ground in nina.grants)


def test_standing_is_ones_own_rows_and_those_of_ones_partner_strongest_first(
    app: Flask, world: World
) -> None:
    give(world.ninas_cloud, MEMBER, user_id=user(EDDIE).id)

    def standing(email: str) -> list[tuple[object, str | None]]:
        found = db.session.get_one(Cloud, world.ninas_cloud)
        rows = explanation.grants_of_user(found, user(email).id)
        return [(row.role, row.partner_name) for row in rows]

    assert standing(EDDIE) == [(OWNER, "North"), (MEMBER, None)]
    assert standing(AMIR) == [(OWNER, "North")]
    assert standing(NINA) == [(OWNER, None)]
    for email in (ACE, VERA, SAM, TINA, CARL):
        assert standing(email) == []
