"""The roles that stay on a cloud: its last effective owner, and the customer’s last role."""

from __future__ import annotations

from flask import Flask

from portal import db
from tests.support.cloud_access import (
    ADMIN,
    EDITOR,
    MEMBER,
    OWNER,
    VIEWER,
    WAIT,
    change,
    give,
    grant,
    refusal,
    revoke,
    revoke_partner,
    roles,
    shown,
)
from tests.support.world import (
    AMIR,
    DORA,
    EDDIE,
    NINA,
    OLGA,
    SAM,
    Clock,
    World,
    user,
)

# A cloud always has an effective owner


def test_the_last_owner_neither_goes_nor_is_lowered(app: Flask, world: World) -> None:
    assert refusal(revoke, world.doras_cloud, of=DORA) == "last-cloud-owner"
    for role in (ADMIN, EDITOR, VIEWER, MEMBER):
        assert refusal(change, world.doras_cloud, role, of=DORA) == "last-cloud-owner"


def test_a_pending_owner_is_none_yet(app: Flask, world: World, clock: Clock) -> None:
    grant(world.doras_cloud, OWNER, to=SAM)
    assert refusal(revoke, world.doras_cloud, of=DORA) == "last-cloud-owner"
    clock.forward(seconds=WAIT)
    revoke(world.doras_cloud, of=DORA)
    assert roles(world.doras_cloud, SAM) == {OWNER}


def test_a_disabled_owner_is_none(app: Flask, world: World) -> None:
    give(world.doras_cloud, OWNER, to=SAM)

    def disable() -> None:
        user(SAM).disabled_at = db.now()

    db.write(disable)
    assert refusal(revoke, world.doras_cloud, of=DORA) == "last-cloud-owner"


def test_a_partners_account_is_an_owner_and_may_be_the_last(app: Flask, world: World) -> None:
    give(world.doras_cloud, OWNER, to=world.north)
    revoke(world.doras_cloud, of=DORA)
    assert refusal(revoke, world.doras_cloud, of=world.north, by=OLGA) == "last-cloud-owner"
    assert refusal(revoke_partner, world.doras_cloud, world.north, by=OLGA) == ("last-cloud-owner")


def test_taking_back_a_pending_owner_role_needs_no_other_owner(app: Flask, world: World) -> None:
    grant(world.doras_cloud, OWNER, to=SAM)
    revoke(world.doras_cloud, of=SAM)
    assert roles(world.doras_cloud, DORA) == {OWNER}


# The customer's last role


def test_a_partner_never_takes_the_customers_last_role_on_its_default_cloud(
    app: Flask, world: World
) -> None:
    place = world.ninas_cloud
    assert refusal(revoke, place, of=NINA, by=EDDIE) == "customers-last-role"
    for role in (ADMIN, MEMBER):
        assert refusal(change, place, role, of=NINA, by=OLGA) == "customers-last-role"
    give(place, EDITOR, to=AMIR)
    assert refusal(revoke, place, of=NINA, by=AMIR) == "customers-last-role"


def test_another_role_of_the_customers_people_lets_the_partner_take_one(
    app: Flask, world: World
) -> None:
    grant(world.ninas_cloud, VIEWER, to=DORA, by=NINA)
    revoke(world.ninas_cloud, of=NINA, by=OLGA)
    assert refusal(revoke, world.ninas_cloud, of=DORA, by=OLGA) == "customers-last-role"


def test_the_customers_own_people_may_go(app: Flask, world: World) -> None:
    revoke(world.ninas_cloud, of=NINA, by=NINA)
    assert roles(world.ninas_cloud, NINA) == set()


def test_the_partner_may_raise_the_customers_last_role(app: Flask, world: World) -> None:
    change(world.ninas_cloud, VIEWER, of=NINA, by=NINA)
    change(world.ninas_cloud, EDITOR, of=NINA, by=OLGA)
    one = shown(world.ninas_cloud, NINA, reader=OLGA)
    assert one is not None
    assert (one.role, one.pending_role) == (VIEWER, EDITOR)
