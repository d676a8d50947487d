"""The list of a cloud’s members, and whom one asks to be added."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import event

from portal import db
from portal.domain import (
    cloud_access,
)
from portal.domain.cloud_access import AccessRequest
from portal.domain.clouds import Cloud
from tests.support.cloud_access import MEMBER, OWNER, VIEWER, give, grant, revoke_partner, shown
from tests.support.world import (
    ACE,
    AMIR,
    CARL,
    DORA,
    EDDIE,
    NINA,
    SAM,
    TINA,
    VERA,
    Clock,
    World,
    actor,
)


def test_the_list_says_who_holds_what_since_when_by_whom(
    app: Flask, world: World, clock: Clock
) -> None:
    clock.forward(days=1)
    grant(world.doras_cloud, OWNER, to=world.north)
    grant(world.doras_cloud, MEMBER, to=EDDIE)
    holders = cloud_access.members_of(
        db.session.get_one(Cloud, world.doras_cloud), reader=actor(DORA)
    )
    assert [(one.name, one.email, one.role, one.pending_role) for one in holders] == [
        ("North", None, None, OWNER),
        ("Dora Direct", DORA, OWNER, None),
        ("Eddie Editor", EDDIE, None, MEMBER),
    ]
    north, dora, eddie = holders
    assert (north.is_partner, north.partner_id, north.given_by) == (
        True,
        world.north,
        "Dora Direct",
    )
    assert (eddie.partner_id, eddie.partner_name) == (world.north, "North")
    assert (dora.partner_id, dora.given_by) == (None, "Dora Direct")
    assert eddie.since > dora.since


def test_staff_is_marked_where_its_partner_pays_or_holds_a_role_and_nowhere_else(
    app: Flask, world: World
) -> None:
    give(world.doras_cloud, VIEWER, to=EDDIE)
    one = shown(world.doras_cloud, EDDIE)
    assert one is not None
    assert one.partner_id is None, "for whom Eddie works is nobody's business here"
    revoke_partner(world.ninas_cloud, world.north, by=NINA)
    give(world.ninas_cloud, VIEWER, to=EDDIE)
    one = shown(world.ninas_cloud, EDDIE, reader=NINA)
    assert one is not None
    assert one.partner_name == "North"


def test_however_many_hold_a_role_the_same_number_of_questions_is_asked(
    app: Flask, world: World
) -> None:
    nina, asked = actor(NINA), list[str]()

    def look() -> int:
        found = db.session.get_one(Cloud, world.ninas_cloud)
        asked.clear()
        cloud_access.members_of(found, reader=nina)
        return len(asked)

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(db.extension.engine, "before_cursor_execute", note)
    few = db.read(look)
    for email in (DORA, SAM, TINA, EDDIE, VERA, AMIR, ACE, CARL):
        give(world.ninas_cloud, VIEWER, to=email)
    assert db.read(look) == few > 0


def test_staff_of_a_partner_concerned_asks_for_its_account_and_others_for_themselves(
    app: Flask, world: World
) -> None:
    def asking(cloud_id: str, email: str) -> AccessRequest:
        found = db.session.get_one(Cloud, cloud_id)
        return cloud_access.access_request_for(found, actor=actor(email))

    give(world.doras_cloud, VIEWER, to=SAM)
    assert asking(world.doras_cloud, SAM) == (None, False)
    give(world.doras_cloud, MEMBER, to=world.south)
    assert asking(world.doras_cloud, SAM) == ((world.south, "South"), False)
    assert asking(world.doras_cloud, DORA) == (None, True)
    assert asking(world.ninas_cloud, VERA) == ((world.north, "North"), True)
    revoke_partner(world.ninas_cloud, world.north, by=NINA)
    assert asking(world.ninas_cloud, VERA) == ((world.north, "North"), False)
