"""Memberships: what a change of roles orders at connections, and what it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal import db
from portal.domain import access, connections, memberships, people, team, workflows
from portal.domain.access import AccountRole, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud
from portal.domain.connections import Connection
from portal.domain.customers import Customer
from portal.domain.customers.lifecycle import close as close_customer
from portal.domain.errors import Forbidden, Refused
from portal.domain.identity import BlockReason
from portal.domain.jobs import Job, OrderKind, State
from portal.domain.memberships import Access, AccessSecret
from tests.support.cloud_access import change, give, revoke, revoke_partner
from tests.support.cloud_access import grant as support_grant
from tests.support.clouds import insert_clouds, move_cloud, own_account_id
from tests.support.memberships import (
    add_memberships,
    memberships_of,
    order_access,
    orders,
    pretend_connection,
    put_on,
    show,
    withdraw,
)
from tests.support.world import (
    DORA,
    EDDIE,
    OLGA,
    SAM,
    TINA,
    Clock,
    World,
    actor,
    register,
    signed_in,
    user,
)

EDITOR, VIEWER = CloudRole.EDITOR, CloudRole.VIEWER
GRANT, REVOKE = OrderKind.GRANT, OrderKind.REVOKE


@pytest.fixture
def shop(app: Flask, world: World) -> Iterator[str]:
    """Dora's cloud at a connection. North's account is editor on it, hence Eddie is."""

    def unit() -> None:
        put_on(pretend_connection(), world.doras_cloud)

    db.write(unit)
    give(world.doras_cloud, EDITOR, to=world.north)
    yield world.doras_cloud
    connections.configure_keys(list)


def waiting() -> list[str]:
    return orders(State.WAITING)


def give_memberships(email: str, *cloud_ids: str) -> None:
    db.write(lambda: add_memberships(email, *cloud_ids))


def refused(verb: Callable[..., object], *args: object, **named: object) -> str:
    with pytest.raises(Refused) as refusal:
        verb(*args, **named)
    return refusal.value.code


def north(world: World) -> BillingAccount:
    return db.session.get_one(BillingAccount, world.north)


def remove_from_staff(email: str, world: World) -> None:
    by = actor(OLGA)
    db.write(lambda: team.remove(of=user(email), partner=north(world), by=by))


def add_staff(world: World, number: int) -> list[str]:
    """Register this many editors of North; their addresses."""
    emails = [f"staff{index}@north.example" for index in range(number)]

    def unit() -> None:
        for email in emails:
            register(email, email)
            access.assign_account_role(
                AccountRole.EDITOR, to=user(email).id, account=north(world), by=COMMAND
            )

    db.write(unit)
    return emails


def test_a_team_of_20_over_200_clouds_loses_one_and_only_what_exists_is_ordered(
    shop: str, world: World
) -> None:
    cloud_ids = insert_clouds(DORA, own_account_id(DORA), 200)

    def unit() -> None:
        connection_id = db.session.get_one(Cloud, shop).connection_id
        put_on(connection_id, *cloud_ids)
        for cloud_id in cloud_ids:
            access.assign_cloud_role(EDITOR, cloud_id=cloud_id, partner_id=world.north, by=COMMAND)

    db.write(unit)
    leaver, *others = add_staff(world, 20)
    give_memberships(leaver, *cloud_ids[:3])
    for other in others[:5]:
        give_memberships(other, *cloud_ids[:2])

    remove_from_staff(leaver, world)

    assert waiting() == [REVOKE] * 3
    assert all(row.revoking_at for row in memberships_of(leaver))
    assert not any(row.revoking_at for other in others for row in memberships_of(other))


def test_staff_whose_role_falls_below_editor_lose_access(shop: str, world: World) -> None:
    give_memberships(EDDIE, shop)
    by = actor(OLGA)
    db.write(lambda: team.change(AccountRole.VIEWER, of=user(EDDIE), partner=north(world), by=by))
    assert waiting() == [REVOKE]


def test_staff_with_a_role_by_hand_keep_that_one(shop: str, world: World) -> None:
    give_memberships(EDDIE, shop)
    give(shop, VIEWER, to=EDDIE)
    remove_from_staff(EDDIE, world)
    assert waiting() == [GRANT]
    assert memberships_of(EDDIE)[0].ordered_role is VIEWER


def test_a_partner_that_loses_its_role_or_its_status_loses_the_access_of_its_staff(
    shop: str, world: World
) -> None:
    give_memberships(EDDIE, shop)
    change(shop, VIEWER, of=world.north)
    assert memberships_of(EDDIE)[0].ordered_role is VIEWER
    revoke_partner(shop, world.north)
    assert waiting() == [REVOKE]

    trial = world.trial
    give(shop, EDITOR, to=trial)
    give_memberships(TINA, shop)
    account = db.session.get_one(BillingAccount, trial)
    db.write(lambda: workflows.revoke_partner_status(account, by=COMMAND))
    assert waiting() == [REVOKE, REVOKE]


def test_a_lower_role_is_ordered_at_once(shop: str) -> None:
    give(shop, EDITOR, to=SAM)
    give_memberships(SAM, shop)
    change(shop, VIEWER, of=SAM)
    assert waiting() == [GRANT]
    assert memberships_of(SAM)[0].ordered_role is VIEWER


def test_a_change_for_one_person_orders_nothing_for_the_others(shop: str) -> None:
    give_memberships(EDDIE, shop)
    give(shop, EDITOR, to=SAM)
    give_memberships(SAM, shop)
    revoke(shop, of=SAM)
    assert waiting() == [REVOKE]
    assert memberships_of(EDDIE)[0].revoking_at is None


def test_unblocking_orders_the_roles_again_for_new_memberships(shop: str, world: World) -> None:
    give(shop, EDITOR, to=SAM)
    give_memberships(SAM, shop)
    db.write(lambda: people.block(user(SAM), by=COMMAND, reason=BlockReason.LEFT))
    db.write(lambda: people.unblock(user(SAM), by=COMMAND))
    assert waiting() == [REVOKE, GRANT]
    assert [bool(row.revoking_at) for row in memberships_of(SAM)] == [True, False]

    db.write(lambda: people.block(user(SAM), by=COMMAND, reason=BlockReason.LEFT))
    revoke(shop, of=SAM)
    db.write(lambda: people.unblock(user(SAM), by=COMMAND))
    assert waiting() == [REVOKE, REVOKE], "the role is gone"
    assert all(row.revoking_at for row in memberships_of(SAM))


def test_a_disabled_person_who_is_enabled_gets_a_new_membership(shop: str) -> None:
    give(shop, EDITOR, to=SAM)
    give_memberships(SAM, shop)
    before = memberships_of(SAM)
    db.write(lambda: workflows.disable_user(user(SAM), by=COMMAND, heir=user(DORA)))
    db.write(lambda: workflows.enable_user(user(SAM), by=COMMAND))
    after = memberships_of(SAM)
    assert [row.revoking_at is None for row in after] == [False] * len(before) + [True]


def map_person(email: str, cloud_id: str, subject: str) -> None:
    def unit() -> None:
        connection_id = db.session.get_one(Cloud, cloud_id).connection_id
        connection = db.session.get_one(Connection, connection_id)
        names = {"provider": "idp" if subject else "", "subject": subject}
        memberships.map_person(user(email), connection, by=COMMAND, **names)

    db.write(unit)


def test_a_mapped_person_has_a_membership_at_once_and_another_after_another_mapping(
    shop: str, clock: Clock
) -> None:
    give(shop, EDITOR, to=SAM)
    map_person(SAM, shop, "sam@idp")
    assert waiting() == [GRANT]
    map_person(SAM, shop, "samuel@idp")
    assert sorted(waiting()) == [GRANT, REVOKE]
    assert [row.identity_subject for row in memberships_of(SAM)] == ["sam@idp", "samuel@idp"]
    assert refused(map_person, DORA, shop, "samuel@idp") == "identity-taken"
    map_person(SAM, shop, "")
    assert waiting() == [REVOKE, REVOKE]


def test_a_revoke_that_comes_again_late_orders_the_role_of_the_newer_membership_again(
    shop: str,
) -> None:
    """Both may be the same identity at the connection."""
    give(shop, EDITOR, to=SAM)
    give_memberships(SAM, shop)
    revoke(shop, of=SAM)
    (old,) = memberships_of(SAM)
    db.write(lambda: memberships.record_revoked(old.id, None))
    give(shop, EDITOR, to=SAM)
    give_memberships(SAM, shop)

    db.write(lambda: memberships.record_granted(old.id, EDITOR))  # by a worker that was late
    assert waiting() == [REVOKE]
    db.write(lambda: memberships.record_revoked(old.id, None))
    assert waiting() == [REVOKE, GRANT]


def test_a_mapped_person_has_a_membership_when_the_role_takes_effect(
    shop: str, clock: Clock
) -> None:
    map_person(SAM, shop, "sam@idp")
    change_and_wait(shop, clock)
    assert waiting() == [GRANT]
    assert memberships_of(SAM)[0].ordered_role is VIEWER


def change_and_wait(cloud_id: str, clock: Clock) -> None:
    """Dora gives Sam a role by hand, and its delay passes."""
    support_grant(cloud_id, VIEWER, to=SAM)
    assert waiting() == []
    clock.forward(hours=1)
    while db.write(memberships.settle_due):
        pass


def test_a_closed_cloud_lets_nobody_in(shop: str) -> None:
    give_memberships(EDDIE, shop)

    def close() -> None:
        db.lock(Cloud, shop).closed_at = db.now()

    db.write(close)
    db.write(memberships.settle_closed)
    assert waiting() == [REVOKE]


def test_a_cloud_that_is_linked_elsewhere_keeps_its_people(shop: str, world: World) -> None:
    give_memberships(EDDIE, shop)
    give(shop, CloudRole.OWNER, to=OLGA)
    move_cloud(shop, world.north, by=OLGA)
    assert waiting() == []


@pytest.mark.parametrize(
    ("days", "code"), [(0, "access-days"), (91, "access-days"), (90, None), (1, None)]
)
def test_an_access_lasts_at_most_90_days(shop: str, days: int, code: str | None) -> None:
    if code:
        assert refused(order_access, DORA, shop, days=days) == code
    else:
        order_access(DORA, shop, days=days)


def test_nobody_gets_an_access_to_a_cloud_that_can_not_give_one(shop: str, world: World) -> None:
    assert refused(order_access, SAM, shop) == "role-missing"
    give(shop, CloudRole.MEMBER, to=SAM)
    assert refused(order_access, SAM, shop) == "role-missing"

    for changes, code in (
        ({"is_suspended_there": True}, "cloud-suspended"),
        ({"external_id": None}, "cloud-not-ready"),
        ({"connection_id": world.connection}, "access-not-offered"),
        ({"closed_at": db.read(db.now)}, "cloud-closed"),
    ):
        set_on_cloud(shop, **changes)
        assert refused(order_access, DORA, shop) == code


def set_on_cloud(cloud_id: str, **values: object) -> None:
    def unit() -> None:
        cloud = db.lock(Cloud, cloud_id)
        for name, value in values.items():
            setattr(cloud, name, value)

    db.write(unit)


def test_a_person_has_at_most_20_accesses_to_a_cloud(shop: str) -> None:
    first, by = order_access(DORA, shop), signed_in(DORA)

    def unit() -> None:
        cloud = db.session.get_one(Cloud, shop)
        for _ in range(19):
            memberships.get_access(cloud, by=by, name="CI", days=1)

    db.write(unit)
    assert refused(order_access, DORA, shop) == "accesses-many"
    withdraw(DORA, first)
    assert refused(order_access, DORA, shop) == "accesses-many", "it still works"


def test_nobody_sees_or_withdraws_the_access_of_another(shop: str) -> None:
    access_id = order_access(DORA, shop)
    for verb in (show, withdraw):
        with pytest.raises(Forbidden):
            verb(EDDIE, access_id)


def test_a_secret_rests_sealed_and_is_refused_once_the_key_is_gone(shop: str) -> None:
    access_id = order_access(DORA, shop)
    made = "clouds: {}"
    db.write(lambda: memberships.record_made(access_id, how="clouds.yaml", text=made))
    assert made not in str(db.read(lambda: db.session.get_one(AccessSecret, access_id)).sealed)
    keys = connections.configure_keys(list)
    assert keys is None
    with pytest.raises(Refused, match="access-unreadable"):
        show(DORA, access_id)


def test_a_link_is_no_secret(shop: str) -> None:
    access_id, link = order_access(DORA, shop), "https://console.example"
    db.write(lambda: memberships.record_made(access_id, how="link", text=link))
    row = db.read(lambda: db.session.get_one(Access, access_id))
    assert (row.link, row.progress) == (link, memberships.Progress.IN_USE)
    assert count(AccessSecret) == 0


def count(model: type[db.Base]) -> int:
    return db.read(lambda: db.session.scalar(select(func.count()).select_from(model)) or 0)


def test_ended_accesses_and_memberships_are_deleted_after_90_days(shop: str, clock: Clock) -> None:
    access_id = order_access(DORA, shop)
    membership_id = memberships_of(DORA)[0].id
    map_person(DORA, shop, "dora@idp")  # which revokes it
    db.write(lambda: memberships.record_revoked(membership_id, None))
    for days, numbers in ((89, (2, 3)), (2, (0, 1))):  # the cast has one of each
        clock.forward(days=days)
        while db.write(memberships.purge_expired):
            pass
        assert (count(Access), count(memberships.Membership)) == numbers
    assert access_id


def test_a_declined_customers_cloud_lets_nobody_in(shop: str, world: World) -> None:
    def unit() -> None:
        connection_id = db.session.get_one(Cloud, shop).connection_id
        put_on(connection_id, world.carls_cloud)
        add_memberships(OLGA, world.carls_cloud)
        close_customer(db.lock(Customer, world.carls_customer))

    db.write(unit)
    query = select(Job.account_id).where(Job.subject_kind == REVOKE)
    assert db.read(lambda: db.session.scalars(query).all()) == [world.carls_subaccount]
