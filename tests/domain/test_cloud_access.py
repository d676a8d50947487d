"""Access control of a cloud: each rule of who gives, changes and takes back which role."""

from __future__ import annotations

import pytest
from flask import Flask

from portal import db
from portal.domain import (
    access,
    cloud_access,
    clouds,
    customers,
    invitations,
    notifications,
    values,
)
from portal.domain.access import AccountRole, CloudAccess, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.audit import AuditLine
from portal.domain.clouds import Cloud
from portal.domain.errors import Refused
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
    ACE,
    AMIR,
    CARL,
    DORA,
    EDDIE,
    NINA,
    OLGA,
    SAM,
    TINA,
    VERA,
    Clock,
    World,
    actor,
    all_rows,
    user,
)


def sees(cloud_id: str, email: str) -> bool:
    return db.read(lambda: db.find(Cloud, cloud_id, actor(email)) is not None)


# Who waits


def test_a_role_given_by_hand_to_someone_else_is_in_effect_only_once_it_has_spread(
    app: Flask, world: World, clock: Clock
) -> None:
    grant(world.doras_cloud, EDITOR, to=SAM)
    assert roles(world.doras_cloud, SAM) == set()
    assert sees(world.doras_cloud, SAM), "a pending role shows the cloud already"
    clock.forward(seconds=WAIT - 2)
    assert roles(world.doras_cloud, SAM) == set()
    clock.forward(seconds=2)
    assert roles(world.doras_cloud, SAM) == {EDITOR}


def test_creating_adding_accepting_and_the_command_line_take_effect_at_once(
    app: Flask, world: World
) -> None:
    dora, carl = actor(DORA), actor(CARL)
    direct = BillingAccount, world.direct
    made = db.write(lambda: clouds.create(db.lock(*direct), by=dora, name="new").id)
    assert roles(made, DORA) == {OWNER}
    assert roles(world.carls_cloud, OLGA) == {OWNER}, "by adding the customer"
    db.write(lambda: customers.accept(invitations.open_for(carl)[0], by=carl))
    assert roles(world.carls_cloud, CARL) == {OWNER}

    def command() -> None:
        found, address = db.lock(Cloud, world.doras_cloud), values.email(SAM)
        cloud_access.grant(found, by=COMMAND, role=EDITOR, to=address)

    db.write(command)
    assert roles(world.doras_cloud, SAM) == {EDITOR}


def test_a_role_given_to_oneself_does_not_wait(app: Flask, world: World) -> None:
    give(world.doras_cloud, OWNER, to=world.north)
    grant(world.doras_cloud, ADMIN, to=EDDIE, by=EDDIE)
    assert roles(world.doras_cloud, EDDIE) == {OWNER, ADMIN}


def test_raising_keeps_the_old_role_until_the_new_is_in_effect(
    app: Flask, world: World, clock: Clock
) -> None:
    give(world.doras_cloud, VIEWER, to=SAM)
    change(world.doras_cloud, ADMIN, of=SAM)
    assert roles(world.doras_cloud, SAM) == {VIEWER}
    one = shown(world.doras_cloud, SAM)
    assert one is not None
    assert (one.role, one.pending_role) == (VIEWER, ADMIN)
    assert one.effective_at is not None
    assert 0 < (one.effective_at - db.now()).total_seconds() <= WAIT
    clock.forward(seconds=WAIT)
    assert ADMIN in roles(world.doras_cloud, SAM)
    one = shown(world.doras_cloud, SAM)
    assert one is not None
    assert (one.role, one.pending_role) == (ADMIN, None)


def test_lowering_works_at_once(app: Flask, world: World) -> None:
    give(world.doras_cloud, ADMIN, to=SAM)
    change(world.doras_cloud, VIEWER, of=SAM)
    assert roles(world.doras_cloud, SAM) == {VIEWER}


def test_revoking_works_at_once_and_takes_a_pending_role_too(
    app: Flask, world: World, clock: Clock
) -> None:
    give(world.doras_cloud, VIEWER, to=SAM)
    change(world.doras_cloud, OWNER, of=SAM)
    revoke(world.doras_cloud, of=SAM)
    assert shown(world.doras_cloud, SAM) is None
    assert not sees(world.doras_cloud, SAM)
    clock.forward(hours=1)
    assert roles(world.doras_cloud, SAM) == set()


def test_a_role_taken_back_can_be_given_again_and_waits_again(app: Flask, world: World) -> None:
    give(world.doras_cloud, EDITOR, to=SAM)
    revoke(world.doras_cloud, of=SAM)
    grant(world.doras_cloud, EDITOR, to=SAM)
    assert roles(world.doras_cloud, SAM) == set()


def test_the_same_role_again_changes_nothing(app: Flask, world: World) -> None:
    give(world.doras_cloud, EDITOR, to=SAM)
    before = all_rows()
    change(world.doras_cloud, EDITOR, of=SAM)
    assert all_rows() == before


# Who may


@pytest.mark.parametrize("role", [ADMIN, EDITOR, VIEWER, MEMBER])
@pytest.mark.parametrize("wanted", [OWNER, MEMBER])
def test_only_an_owner_gives_changes_or_takes_a_role(
    app: Flask, world: World, role: CloudRole, wanted: CloudRole
) -> None:
    give(world.doras_cloud, role, to=SAM)
    give(world.doras_cloud, wanted, to=TINA)
    place = world.doras_cloud
    assert refusal(grant, place, wanted, to=NINA, by=SAM) == "role-missing"
    assert refusal(change, place, VIEWER, of=TINA, by=SAM) == "role-missing"
    assert refusal(revoke, place, of=TINA, by=SAM) == "role-missing"
    assert refusal(revoke_partner, place, world.north, by=SAM) == "role-missing"


def test_a_pending_owner_gives_nothing_yet(app: Flask, world: World, clock: Clock) -> None:
    grant(world.doras_cloud, OWNER, to=SAM)
    assert refusal(grant, world.doras_cloud, VIEWER, to=TINA, by=SAM) == "role-missing"
    clock.forward(seconds=WAIT)
    grant(world.doras_cloud, VIEWER, to=TINA, by=SAM)
    assert shown(world.doras_cloud, TINA) is not None


def test_a_partner_accounts_role_holds_for_its_staff_with_editor_or_higher(
    app: Flask, world: World, clock: Clock
) -> None:
    grant(world.doras_cloud, OWNER, to=world.north)
    assert roles(world.doras_cloud, EDDIE) == set()
    clock.forward(seconds=WAIT)
    for email in (OLGA, AMIR, EDDIE):
        assert roles(world.doras_cloud, email) == {OWNER}
    for email in (ACE, VERA, SAM):
        assert roles(world.doras_cloud, email) == set()


def test_who_leaves_the_partners_staff_leaves_its_clouds_at_once(app: Flask, world: World) -> None:
    give(world.doras_cloud, OWNER, to=world.north)

    def let_go() -> None:
        north = db.lock(BillingAccount, world.north)
        access.change(AccountRole.VIEWER, of=user(EDDIE), account=north, by=COMMAND)

    db.write(let_go)
    assert roles(world.doras_cloud, EDDIE) == set()
    assert not sees(world.doras_cloud, EDDIE)


# What is refused


def test_an_address_without_an_account_is_refused_and_nothing_of_it_is_kept(
    app: Flask, world: World
) -> None:
    before = all_rows()
    with pytest.raises(Refused, match="no-account"):
        grant(world.doras_cloud, VIEWER, to="who@nowhere.example")
    after = all_rows()
    (miss,) = after["address_misses"]
    assert "nowhere" not in miss
    assert after | {"address_misses": []} == before


def test_an_unknown_account_and_one_without_partner_status_are_one_answer(
    app: Flask, world: World
) -> None:
    for ident in ("dn2" + "0" * 17, world.direct, world.ninas_subaccount, world.doras_cloud):
        assert refusal(grant, world.doras_cloud, VIEWER, to=ident) == ("no-partner")


def test_who_has_a_role_or_is_to_have_one_is_not_added_again(app: Flask, world: World) -> None:
    grant(world.doras_cloud, VIEWER, to=SAM)
    for whom in (SAM, SAM.upper(), DORA):
        assert refusal(grant, world.doras_cloud, EDITOR, to=whom) == "has-role"
    give(world.doras_cloud, MEMBER, to=world.north)
    assert refusal(grant, world.doras_cloud, OWNER, to=world.north) == "has-role"


def test_who_has_no_role_here_is_neither_changed_nor_revoked(app: Flask, world: World) -> None:
    for whom in (SAM, world.north, "dn2" + "0" * 17):
        assert refusal(change, world.doras_cloud, VIEWER, of=whom) == "no-role"
        assert refusal(revoke, world.doras_cloud, of=whom) == "no-role"
    assert refusal(revoke_partner, world.doras_cloud, world.north) == "no-role"


def test_nothing_changes_on_a_closed_cloud(app: Flask, world: World) -> None:
    carl = actor(CARL)
    db.write(lambda: customers.decline(invitations.open_for(carl)[0], by=carl))
    place = world.carls_cloud
    assert refusal(grant, place, VIEWER, to=SAM, by=OLGA) == "cloud-closed"
    assert refusal(change, place, VIEWER, of=world.north, by=OLGA) == "cloud-closed"
    assert refusal(revoke, place, of=world.north, by=OLGA) == "cloud-closed"
    assert refusal(revoke_partner, place, world.north, by=OLGA) == "cloud-closed"


# Revoke partner's access


def test_revoking_a_partner_takes_its_accounts_role_and_those_of_its_staff_at_once(
    app: Flask, world: World
) -> None:
    give(world.doras_cloud, OWNER, to=world.north)
    give(world.doras_cloud, EDITOR, to=EDDIE)
    grant(world.doras_cloud, VIEWER, to=VERA)
    give(world.doras_cloud, VIEWER, to=SAM)
    give(world.doras_cloud, EDITOR, to=world.south)
    revoke_partner(world.doras_cloud, world.north)
    for email in (OLGA, AMIR, EDDIE, VERA):
        assert not sees(world.doras_cloud, email)
    assert roles(world.doras_cloud, SAM) == {VIEWER, EDITOR}
    assert roles(world.doras_cloud, DORA) == {OWNER}


def test_revoking_a_partner_moves_no_link(app: Flask, world: World) -> None:
    payer = clouds.payer_of(db.session.get_one(Cloud, world.ninas_cloud)).id
    revoke_partner(world.ninas_cloud, world.north, by=NINA)
    found = db.session.get_one(Cloud, world.ninas_cloud)
    assert clouds.payer_of(found).id == payer == world.ninas_subaccount
    assert roles(world.ninas_cloud, OLGA) == set()
    assert sees(world.ninas_cloud, OLGA), "whoever pays sees what for"


def test_revoking_a_partner_works_where_only_its_staff_holds_roles(
    app: Flask, world: World
) -> None:
    give(world.doras_cloud, ADMIN, to=EDDIE)
    revoke_partner(world.doras_cloud, world.north)
    assert not sees(world.doras_cloud, EDDIE)


# The log


def test_every_change_stands_in_the_log_of_the_account_that_pays_with_ids_alone(
    app: Flask, world: World
) -> None:
    grant(world.doras_cloud, VIEWER, to=SAM)
    change(world.doras_cloud, EDITOR, of=SAM)
    revoke(world.doras_cloud, of=SAM)
    give(world.doras_cloud, VIEWER, to=world.north)
    revoke_partner(world.doras_cloud, world.north)
    found = db.session.query(AuditLine).filter_by(chain=world.direct, thing=world.doras_cloud)
    lines = [
        line for line in found.order_by(AuditLine.seq) if line.action.startswith("cloud_access.")
    ]
    sam = user(SAM).id
    assert [(line.action.partition(".")[2], line.facts) for line in lines] == [
        ("grant", {"holder": sam, "role": VIEWER}),
        ("change", {"holder": sam, "role": EDITOR}),
        ("revoke", {"holder": sam}),
        ("revoke_partner", {"holder": world.north}),
    ]
    assert {line.actor for line in lines} == {user(DORA).id}


def test_what_is_over_stays_in_the_table(app: Flask, world: World) -> None:
    give(world.doras_cloud, EDITOR, to=SAM)
    revoke(world.doras_cloud, of=SAM)
    row = db.session.query(CloudAccess).filter_by(user_id=user(SAM).id).one()
    assert (row.role, row.revoked_at is not None) == (EDITOR, True)


def test_a_partners_staff_hear_that_their_partner_was_given_a_role(
    app: object, world: World
) -> None:
    found = db.session.get_one(Cloud, world.doras_cloud)
    db.write(
        lambda: cloud_access.grant(found, by=actor(DORA), role=CloudRole.VIEWER, to=world.north)
    )
    newest = db.read(lambda: notifications.notifications_for(actor(OLGA))[0])
    assert (newest.facts["person"], newest.facts["thing"]) == ("North", "dora-cloud")
    assert newest.target == notifications.Target(notifications.TargetKind.CLOUD, found.id)
    db.write(lambda: cloud_access.revoke(found, by=actor(DORA), of=world.north))
    newest = db.read(lambda: notifications.notifications_for(actor(OLGA))[0])
    assert (newest.kind, newest.target) == (notifications.Kind.ACCESS_TAKEN, notifications.CONSOLE)


def test_an_owner_hears_of_a_role_that_another_owner_gave_and_took(
    app: object, world: World
) -> None:
    give(world.doras_cloud, OWNER, to=SAM)
    grant(world.doras_cloud, EDITOR, to=EDDIE, by=SAM)
    revoke(world.doras_cloud, of=EDDIE, by=SAM)
    taken, given = db.read(lambda: notifications.notifications_for(actor(DORA))[:2])
    kinds = (given.kind, taken.kind)
    assert kinds == (notifications.Kind.ACCESS_GIVEN, notifications.Kind.ACCESS_TAKEN)
    target = notifications.Target(notifications.TargetKind.CLOUD, world.doras_cloud)
    assert given.target == taken.target == target
    assert {taken.facts["person"], given.facts["person"]} == {"Eddie Editor"}
