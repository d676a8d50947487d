"""Clouds and folders: created, linked from their first moment, seen by whom, paid by whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from portal import db
from portal.domain import access, clouds, connections, customers, invitations
from portal.domain.access import CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud, Folder, Link
from portal.domain.errors import Forbidden, Refused
from tests.support.memberships import pretend_connection, put_on
from tests.support.money import owe
from tests.support.world import (
    ACE,
    AMIR,
    CARL,
    DORA,
    EDDIE,
    NINA,
    OLGA,
    SAM,
    VERA,
    Clock,
    World,
    actor,
    all_rows,
    user,
)

CAST = (OLGA, AMIR, EDDIE, ACE, VERA, CARL, NINA, SAM, DORA)


def create(payer_id: str, by: str, name: str = "shop") -> Cloud:
    return db.write(
        lambda: clouds.create(db.lock(BillingAccount, payer_id), by=actor(by), name=name)
    )


def create_folder(cloud_id: str, by: str, name: str) -> Folder:
    return db.write(lambda: clouds.create_folder(db.lock(Cloud, cloud_id), by=actor(by), name=name))


def rename(folder_id: str, by: str, name: str) -> None:
    db.write(lambda: clouds.rename_folder(db.lock(Folder, folder_id), by=actor(by), name=name))


def refused(unit: Callable[[], object], code: str) -> Refused:
    before = all_rows()
    with pytest.raises(Refused, match=f"^{code}$") as caught:
        unit()
    assert all_rows() == before
    return caught.value


def seen_by(cloud_id: str) -> set[str]:
    """Who of the cast finds this cloud by its ID."""
    return {email for email in CAST if db.find(Cloud, cloud_id, actor(email)) is not None}


def folders(cloud_id: str) -> list[str]:
    return [f.name for f in clouds.folders_of(db.session.get_one(Cloud, cloud_id))]


def relink(cloud_id: str, payer_id: str) -> None:
    """The cloud is billed to another account from now on, as linking leaves it."""

    def unit() -> None:
        now = db.now()
        ended = db.session.query(Link).filter_by(cloud_id=cloud_id, until_at=None).one()
        ended.until_at = now
        db.session.flush()
        db.session.add(
            Link(
                id=db.new_id("lnk"),
                cloud_id=cloud_id,
                account_id=payer_id,
                since_at=now,
                continues_at=now,
                linked_by=COMMAND.id,
            )
        )

    db.write(unit)


def give(role: CloudRole, cloud_id: str, *, to: str) -> None:
    def unit() -> None:
        access.assign_cloud_role(role, cloud_id=cloud_id, user_id=user(to).id, by=actor(DORA))

    db.write(unit)


def decline() -> None:
    db.write(lambda: customers.decline(invitations.open_for(actor(CARL))[0], by=actor(CARL)))


def test_a_cloud_is_born_linked_with_one_folder(app: object, world: World) -> None:
    made = create(world.direct, DORA)
    assert made.id[:3] == "b1g"
    assert len(made.id) == 20
    assert [(f.name, f.is_default) for f in clouds.folders_of(made)] == [("default", True)]
    assert clouds.payers_of(made, actor=actor(DORA)) == [
        (made.created_at, None, world.direct, "Dora Direct", None)
    ]


def test_who_creates_a_cloud_owns_it_at_once(app: object, world: World) -> None:
    made = create(world.north, EDDIE)
    assert access.roles_on_cloud(actor(EDDIE), made.id) == {CloudRole.OWNER}
    create_folder(made.id, EDDIE, "first")
    assert folders(made.id) == ["default", "first"]


@pytest.mark.parametrize("email", [ACE, VERA, NINA, SAM])
def test_without_a_role_that_creates_there_is_no_cloud(
    app: object, world: World, email: str
) -> None:
    refused(lambda: create(world.north, email), "role-missing")


def test_nothing_is_created_in_a_subaccount_that_waits_for_its_customer(
    app: object, world: World
) -> None:
    refused(lambda: create(world.carls_subaccount, OLGA), "customer-not-confirmed")


def test_customer_and_partner_create_in_a_confirmed_subaccount(app: object, world: World) -> None:
    made = {create(world.ninas_subaccount, email).id for email in (NINA, EDDIE)}
    linked = clouds.clouds_linked_to([world.ninas_subaccount])[world.ninas_subaccount]
    assert {row.id for row in linked} == made | {world.ninas_cloud}


def test_an_account_that_cannot_pay_gets_no_cloud(app: object, world: World, clock: Clock) -> None:
    def suspend() -> None:
        db.lock(BillingAccount, world.ninas_subaccount).suspended_at = db.now()

    db.write(suspend)
    facts = refused(lambda: create(world.ninas_subaccount, NINA), "account-not-active").facts
    assert facts == {"status": "SUSPENDED"}
    owe(world.direct)
    refused(lambda: create(world.direct, DORA), "balance-negative")
    clock.forward(days=61)
    facts = refused(lambda: create(world.direct, DORA), "account-not-active").facts
    assert facts == {"status": "TRIAL_EXPIRED"}


def test_a_cloud_is_seen_by_its_owner_and_the_payers_people_only(app: object, world: World) -> None:
    assert seen_by(world.doras_cloud) == {DORA}
    assert seen_by(world.ninas_cloud) == {NINA, OLGA, AMIR, EDDIE, ACE, VERA}
    assert seen_by(world.carls_cloud) == {OLGA, AMIR, EDDIE, ACE, VERA}


@pytest.mark.both_databases
def test_a_role_shows_a_cloud_before_it_takes_effect_but_allows_nothing(
    app: object, world: World, clock: Clock
) -> None:
    def promise() -> None:
        ident = user(SAM).id
        access.assign_cloud_role(
            CloudRole.EDITOR, cloud_id=world.doras_cloud, user_id=ident, by=actor(DORA)
        )
        row = db.session.query(access.CloudAccess).filter_by(user_id=ident).one()
        row.effective_at += timedelta(seconds=180)

    db.write(promise)
    assert seen_by(world.doras_cloud) == {DORA, SAM}
    with pytest.raises(Forbidden):
        create_folder(world.doras_cloud, SAM, "soon")
    clock.forward(seconds=180)
    create_folder(world.doras_cloud, SAM, "soon")
    assert folders(world.doras_cloud) == ["default", "soon"]


def test_a_cloud_of_a_kind_without_folders_gets_none(app: object, world: World) -> None:
    db.write(lambda: put_on(pretend_connection(), world.doras_cloud))
    with pytest.raises(Refused) as refusal:
        create_folder(world.doras_cloud, DORA, "shop")
    assert refusal.value.code == "cloud-folderless"
    connections.configure_keys(list)


def test_a_revoked_role_ends_at_once(app: object, world: World) -> None:
    def revoke() -> None:
        rows = db.session.query(access.CloudAccess).filter_by(user_id=user(SAM).id)
        rows.one().revoked_at = db.now()

    give(CloudRole.EDITOR, world.doras_cloud, to=SAM)
    db.write(revoke)
    assert seen_by(world.doras_cloud) == {DORA}
    with pytest.raises(Forbidden):
        create_folder(world.doras_cloud, SAM, "late")


def test_who_paid_once_does_not_see_the_cloud_any_more(app: object, world: World) -> None:
    relink(world.ninas_cloud, world.south)
    assert seen_by(world.ninas_cloud) == {NINA, SAM, OLGA, AMIR, EDDIE}, (
        "the owner, the new payer's people, and those for whom North's role on it holds"
    )


def test_names_of_payers_are_hidden_from_who_may_not_see_them(app: object, world: World) -> None:
    relink(world.doras_cloud, world.south)
    found = db.session.get_one(Cloud, world.doras_cloud)
    doras = clouds.payers_of(found, actor=actor(DORA))
    assert [(p.account_id, p.account_name) for p in doras] == [
        (None, None),
        (world.direct, "Dora Direct"),
    ]
    sams = clouds.payers_of(found, actor=actor(SAM))
    assert [(p.account_id, p.account_name) for p in sams] == [(world.south, "South"), (None, None)]
    assert doras[0].since_at == doras[1].until_at, "neither a gap nor an overlap"


def test_ones_other_clouds_hide_a_payer_one_may_not_see(app: object, world: World) -> None:
    mine = clouds.other_clouds_for(actor(DORA))
    assert [(row.id, row.payer_name) for row in mine] == [(world.doras_cloud, "Dora Direct")]
    relink(world.doras_cloud, world.south)
    mine = clouds.other_clouds_for(actor(DORA))
    assert [(row.id, row.payer_id, row.payer_name) for row in mine] == [
        (world.doras_cloud, None, None)
    ]


def test_ones_other_clouds_are_those_no_subaccount_pays_for_newest_first(
    app: object, world: World
) -> None:
    assert clouds.other_clouds_for(actor(NINA)) == []
    assert clouds.other_clouds_for(actor(EDDIE)) == [], "a partner account's role is not one's own"
    first, second = create(world.direct, DORA, "one").id, create(world.direct, DORA, "two").id
    mine = [row.id for row in clouds.other_clouds_for(actor(DORA))]
    assert mine == [second, first, world.doras_cloud]
    assert [row.id for row in clouds.other_clouds_for(actor(DORA), after=second)] == mine[1:]


def test_an_editor_of_a_cloud_adds_folders(app: object, world: World) -> None:
    give(CloudRole.EDITOR, world.doras_cloud, to=SAM)
    made = create_folder(world.doras_cloud, SAM, "Заказы")
    assert made.id[:3] == "b1g"
    assert not made.is_default
    assert folders(world.doras_cloud) == ["default", "Заказы"]


def test_the_partners_role_works_in_an_unconfirmed_customers_cloud(
    app: object, world: World
) -> None:
    create_folder(world.carls_cloud, EDDIE, "prepared")
    assert folders(world.carls_cloud) == ["default", "prepared"]


def test_folders_of_one_cloud_have_different_names(app: object, world: World) -> None:
    create_folder(world.doras_cloud, DORA, "shop")
    again = refused(lambda: create_folder(world.doras_cloud, DORA, "shop"), "folder-name-taken")
    assert (again.field, again.facts) == ("name", {"name": "shop"})
    assert create_folder(world.ninas_cloud, NINA, "shop").name == "shop"


def test_a_folder_is_renamed(app: object, world: World) -> None:
    rename(world.doras_folder, DORA, "shop")
    assert folders(world.doras_cloud) == ["shop"]
    assert clouds.default_folder(world.doras_cloud)[1].id == world.doras_folder


def test_a_folder_never_takes_anothers_name_but_keeps_its_own(app: object, world: World) -> None:
    create_folder(world.doras_cloud, DORA, "shop")
    refused(lambda: rename(world.doras_folder, DORA, "shop"), "folder-name-taken")
    before = all_rows()
    rename(world.doras_folder, DORA, "default")
    assert all_rows() == before


@pytest.mark.parametrize("email", [CARL, SAM, VERA])
def test_without_a_role_on_the_cloud_its_folders_stay(
    app: object, world: World, email: str
) -> None:
    refused(lambda: create_folder(world.ninas_cloud, email, "x"), "role-missing")
    refused(lambda: rename(world.ninas_folder, email, "x"), "role-missing")


def test_a_closed_cloud_refuses_folders(app: object, world: World) -> None:
    folder_id = clouds.default_folder(world.carls_cloud)[1].id
    decline()
    refused(lambda: create_folder(world.carls_cloud, OLGA, "late"), "cloud-closed")
    refused(lambda: rename(folder_id, OLGA, "late"), "cloud-closed")


def test_a_folder_is_seen_by_who_sees_its_cloud(app: object, world: World) -> None:
    for email in CAST:
        found = db.find(Folder, world.ninas_folder, actor(email))
        assert (found is not None) == (email in seen_by(world.ninas_cloud))


def test_a_subaccounts_clouds_are_listed_with_their_names(app: object, world: World) -> None:
    second = create(world.ninas_subaccount, NINA, "second").id
    linked = clouds.clouds_linked_to([world.ninas_subaccount, world.direct, world.south])
    assert [(row.id, row.name) for row in linked[world.ninas_subaccount]] == [
        (world.ninas_cloud, "default"),
        (second, "second"),
    ]
    assert [row.id for row in linked[world.direct]] == [world.doras_cloud]
    assert linked[world.south] == []
