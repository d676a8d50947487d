"""Who comes onto a partner's staff: somebody with an account here who is no customer of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from portal import db
from portal.domain import access, customers, identity, invitations, team, values
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.customers import Customer
from portal.domain.errors import Forbidden, Refused
from tests.support.world import (
    CARL,
    DORA,
    EDDIE,
    NAMES,
    NINA,
    OLGA,
    SAM,
    Clock,
    World,
    actor,
    all_rows,
    draft,
    user,
)


def add(world: World, email: str, *, by: str = OLGA) -> None:
    who = actor(by)

    def unit() -> None:
        north = db.lock(BillingAccount, world.north)
        address = values.email(email)
        team.add(north, by=who, address=address, role=AccountRole.VIEWER)

    db.write(unit)


def staff(world: World) -> set[str]:
    def question() -> set[str]:
        members = team.members(db.session.get_one(BillingAccount, world.north))
        return {one.email for one in members}

    return db.read(question)


def refusal(unit: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        unit()
    return refused.value.code


@pytest.mark.parametrize("email", [DORA, SAM, DORA.upper()])
def test_somebody_with_an_account_comes_onto_the_staff(
    app: Flask, world: World, email: str
) -> None:
    before = staff(world)
    add(world, email)
    assert staff(world) == before | {email.lower()}


def test_an_address_without_an_account_is_refused_and_nothing_of_it_is_kept(
    app: Flask, world: World
) -> None:
    before = all_rows()
    assert refusal(lambda: add(world, "stranger@nowhere.example")) == "no-account"
    after = all_rows()
    (miss,) = after["address_misses"]
    assert "nowhere" not in miss
    assert after | {"address_misses": []} == before


@pytest.mark.parametrize("email", [CARL, NINA])
def test_a_live_customers_person_does_not_come_onto_the_staff(
    app: Flask, world: World, email: str
) -> None:
    before = all_rows()
    assert refusal(lambda: add(world, email)) == "email-is-customer"
    assert all_rows() == before


def test_who_confirmed_is_the_customers_person_under_any_later_address(
    app: Flask, world: World
) -> None:
    def move() -> None:
        nina = user(NINA)
        nina.email = nina.email_key = "nina@elsewhere.example"

    db.write(move)
    assert refusal(lambda: add(world, "nina@elsewhere.example")) == "email-is-customer"


def test_an_invited_address_without_an_account_is_a_customers_too(app: Flask, world: World) -> None:
    def invite() -> None:
        north = db.lock(BillingAccount, world.north)
        customers.add(north, by=actor(OLGA), draft=draft("waits@client.example"))

    db.write(invite)
    assert refusal(lambda: add(world, "waits@client.example")) == "email-is-customer"


def test_once_the_partnership_is_over_the_person_may_come_onto_the_staff(
    app: Flask, world: World
) -> None:
    who = actor(CARL)
    db.write(lambda: customers.decline(invitations.open_for(who)[0], by=who))
    add(world, CARL)
    assert CARL in staff(world)


def test_another_partners_customer_may_come_onto_the_staff(app: Flask, world: World) -> None:
    def invite() -> None:
        south = db.lock(BillingAccount, world.south)
        customers.add(south, by=actor(SAM), draft=draft(DORA))

    db.write(invite)
    add(world, DORA)
    assert DORA in staff(world)


def test_own_staff_is_not_invited_and_invited_people_do_not_come_onto_the_staff(
    app: Flask, world: World
) -> None:
    add(world, DORA)

    def invite() -> None:
        north = db.lock(BillingAccount, world.north)
        customers.add(north, by=actor(OLGA), draft=draft(DORA))

    assert refusal(lambda: db.write(invite)) == "email-is-staff"


def test_a_disabled_account_is_shown_as_such(app: Flask, world: World) -> None:
    def disable() -> None:
        user(EDDIE).disabled_at = db.now()

    db.write(disable)
    members = team.members(db.session.get_one(BillingAccount, world.north))
    assert [one.email for one in members if one.is_disabled] == [EDDIE]


def test_the_list_says_who_gave_the_role_and_since_when(
    app: Flask, world: World, clock: Clock
) -> None:
    clock.forward(days=1)
    add(world, DORA)
    one = team.member(db.session.get_one(BillingAccount, world.north), user(DORA).id)
    assert one is not None
    assert (one.given_by, one.role, one.pending_role) == (NAMES[OLGA], None, AccountRole.VIEWER)
    assert one.effective_at is not None
    assert (one.effective_at - one.since).total_seconds() == 20


def test_a_role_on_a_subaccount_makes_nobody_staff(app: Flask, world: World) -> None:
    assert NINA not in staff(world)
    with pytest.raises(Forbidden):
        add(world, DORA, by=NINA)


@pytest.mark.parametrize("kind", ["postgresql"])
def test_nobody_becomes_staff_and_customer_at_the_same_time(app: Flask, world: World) -> None:
    meeting = threading.Barrier(2)

    def hire() -> None:
        address, north = values.email(DORA), db.session.get_one(BillingAccount, world.north)
        meeting.wait(timeout=20)
        team.add(north, by=actor(OLGA), address=address, role=AccountRole.VIEWER)

    def invite() -> None:
        north = db.session.get_one(BillingAccount, world.north)
        meeting.wait(timeout=20)
        customers.add(north, by=actor(OLGA), draft=draft(DORA))

    def work(unit: Callable[[], None]) -> str:
        with app.app_context():
            try:
                db.write(unit)
            except Refused as error:
                return error.code
            return "done"

    with ThreadPoolExecutor(2) as pool:
        told = [future.result() for future in (pool.submit(work, hire), pool.submit(work, invite))]
    assert sorted(told) in (["done", "email-is-customer"], ["done", "email-is-staff"])


@pytest.mark.parametrize("kind", ["postgresql"])
def test_control_without_the_lock_one_becomes_both(app: Flask, world: World) -> None:
    meeting = threading.Barrier(2)

    def hire() -> None:
        north = db.session.get_one(BillingAccount, world.north)
        assert db.session.query(Customer).filter_by(email_key=DORA).first() is None
        meeting.wait(timeout=20)
        dora = user(DORA).id
        access.assign_account_role(AccountRole.VIEWER, to=dora, account=north, by=COMMAND)

    def invite() -> None:
        dora = identity.user_by_email(DORA)
        assert dora is not None
        assert not access.is_staff(dora.id, world.north)
        meeting.wait(timeout=20)
        found = db.session.query(Customer).filter_by(id=world.carls_customer).one()
        found.email_key = DORA

    def work(unit: Callable[[], None]) -> None:
        with app.app_context():
            db.write(unit)

    with ThreadPoolExecutor(2) as pool:
        for future in (pool.submit(work, hire), pool.submit(work, invite)):
            future.result()
    assert DORA in staff(world)
    assert db.session.query(Customer).filter_by(email_key=DORA).count() == 1


def test_a_partner_never_takes_the_last_role_of_the_customers_people_from_the_subaccount(
    app: object, world: World
) -> None:
    subaccount = db.session.get_one(BillingAccount, world.ninas_subaccount)

    def revoke(by: str) -> None:
        db.write(lambda: access.revoke(of=user(NINA), account=subaccount, by=actor(by)))

    with pytest.raises(Refused, match=r"^customers-last-role$"):
        revoke(OLGA)
    db.write(
        lambda: access.assign_account_role(
            AccountRole.VIEWER, to=user(DORA).id, account=subaccount, by=COMMAND
        )
    )
    revoke(OLGA)
    assert AccountRole.ADMIN not in access.roles_on_account(actor(NINA), subaccount)


def test_the_customers_own_administrator_may_leave_the_subaccount(
    app: object, world: World
) -> None:
    subaccount = db.session.get_one(BillingAccount, world.ninas_subaccount)
    db.write(lambda: access.revoke(of=user(NINA), account=subaccount, by=actor(NINA)))
    assert access.roles_on_account(actor(NINA), subaccount) == frozenset()
