"""Sensitive verbs need a password given less than 10 minutes ago, in a session that is live."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from portal import db
from portal.domain import access, accounts, cloud_access, clouds, customers, identity, team, values
from portal.domain.access import AccountRole, CloudRole
from portal.domain.accounts import BillingAccount, Mode
from portal.domain.actors import COMMAND, Actor
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer
from portal.domain.errors import ReauthenticationRequired, Refused
from portal.domain.identity import User, UserSession
from tests.domain.test_races import Run, race, without_locks
from tests.support.world import (
    CARL,
    DORA,
    EDDIE,
    NINA,
    OLGA,
    PASSWORD,
    PASSWORD_HASH,
    SAM,
    TINA,
    Clock,
    World,
    actor,
    all_rows,
    signed_in,
    user,
)

__all__ = ["race"]

Call = Callable[[World, Actor], object]

OWNER, CLOUD_OWNER = AccountRole.OWNER, CloudRole.OWNER


def account(account_id: str) -> BillingAccount:
    return db.session.get_one(BillingAccount, account_id)


def doras_cloud(world: World) -> Cloud:
    return db.session.get_one(Cloud, world.doras_cloud)


def assign_sam_on_doras_cloud(world: World) -> None:
    holder = {"cloud_id": world.doras_cloud, "user_id": user(SAM).id}
    access.assign_cloud_role(CloudRole.VIEWER, **holder, by=COMMAND)


def change_sam_on_doras_cloud(world: World, by: Actor) -> None:
    assign_sam_on_doras_cloud(world)
    cloud_access.change(doras_cloud(world), by=by, role=CLOUD_OWNER, of=user(SAM).id)


def end_partnership(world: World, by: Actor) -> None:
    customers.end_partnership(db.session.get_one(Customer, world.ninas_customer), by=by)


def give_notice(world: World, by: Actor) -> None:
    customer = db.session.get_one(Customer, world.ninas_customer)
    customers.give_notice(customer, ends_on=customers.earliest_ending(), by=by)


def end_another_session(_world: World, by: Actor) -> None:
    others = (session.id for session in identity.sessions_of(by) if session.id != by.session_id)
    identity.end_session_of(by, next(others, "none"))


SENSITIVE: dict[str, tuple[str, Call]] = {
    "change password": (
        DORA,
        lambda _world, by: identity.change_password(by, password_hash=PASSWORD_HASH),
    ),
    "change address": (
        DORA,
        lambda _world, by: identity.request_email_change(by, values.email("dora@new.example")),
    ),
    "end other sessions": (DORA, lambda _world, by: identity.end_other_sessions(by)),
    "end a session": (DORA, end_another_session),
    "add an owner": (
        OLGA,
        lambda world, by: access.grant(OWNER, to=user(DORA), account=account(world.north), by=by),
    ),
    "make an owner": (
        OLGA,
        lambda world, by: access.change(OWNER, of=user(EDDIE), account=account(world.north), by=by),
    ),
    "add an owner to the staff": (
        OLGA,
        lambda world, by: team.add(
            account(world.north), by=by, address=values.email(DORA), role=OWNER
        ),
    ),
    "add an owner of a cloud": (
        DORA,
        lambda world, by: cloud_access.grant(
            doras_cloud(world), by=by, role=CLOUD_OWNER, to=world.north
        ),
    ),
    "make an owner of a cloud": (DORA, change_sam_on_doras_cloud),
    "close a cloud": (
        DORA,
        lambda world, by: clouds.close(doras_cloud(world), name="dora-cloud", by=by),
    ),
    "switch to paid": (
        TINA,
        lambda world, by: accounts.switch_to_paid(account(world.trial), by=by),
    ),
    "end a partnership as the partner": (OLGA, end_partnership),
    "end a partnership as the customer": (NINA, end_partnership),
    "give notice": (OLGA, give_notice),
}
each = pytest.mark.parametrize(("email", "call"), SENSITIVE.values(), ids=SENSITIVE)


def refused(world: World, by: Actor, call: Call) -> None:
    """Check that the call is refused, and changes nothing."""
    before = all_rows()
    with pytest.raises(ReauthenticationRequired, match=r"^reauthentication-required$"):
        db.write(lambda: call(world, by))
    assert all_rows() == before


@each
def test_the_password_of_the_last_ten_minutes_is_enough(
    app: object, world: World, clock: Clock, email: str, call: Call
) -> None:
    signed_in(email)
    by = signed_in(email)
    clock.forward(minutes=9, seconds=59)
    before = all_rows()
    db.write(lambda: call(world, by))
    assert all_rows() != before


@each
def test_an_older_one_a_session_that_is_over_and_none_are_refused(
    app: object, world: World, clock: Clock, email: str, call: Call
) -> None:
    old, over = signed_in(email), signed_in(email)
    db.write(lambda: identity.end_session(over))
    foreign = replace(actor(email), session_id=signed_in(CARL).session_id)
    for by in (over, foreign, actor(email)):
        refused(world, by, call)
    clock.forward(minutes=10, seconds=1)
    refused(world, old, call)


def test_a_system_actor_needs_no_password(app: object, world: World) -> None:
    db.write(lambda: accounts.switch_to_paid(account(world.trial), by=COMMAND))
    assert account(world.trial).mode is Mode.PAID


def test_other_roles_are_given_at_any_time(app: object, world: World, clock: Clock) -> None:
    by = signed_in(OLGA)
    clock.forward(minutes=29)
    north = account(world.north)
    before = all_rows()
    db.write(lambda: access.grant(AccountRole.ADMIN, to=user(DORA), account=north, by=by))
    assert all_rows()["account_access"] != before["account_access"]


def test_the_password_once_more_makes_the_session_recent_under_a_new_token(
    app: object, world: World, clock: Clock
) -> None:
    old = db.write(lambda: identity.open_session(user(TINA).id, user_agent="Browser"))
    by = identity.actor_of_session(old)[0]  # type: ignore[index]
    began_at = db.session.query(UserSession).one().created_at
    clock.forward(minutes=11)
    token = db.write(lambda: identity.renew_authentication(by))
    assert db.read(lambda: identity.actor_of_session(old)) is None, "a copied cookie gains nothing"
    renewed = db.read(lambda: identity.actor_of_session(token))
    assert renewed is not None
    db.write(lambda: accounts.switch_to_paid(account(world.trial), by=renewed[0]))
    assert db.session.query(UserSession).one().created_at == began_at, "it ends after eight hours"


def test_the_password_once_more_revives_no_session(app: object, world: World) -> None:
    by = signed_in(DORA)
    db.write(lambda: identity.change_password(signed_in(DORA), password_hash=PASSWORD_HASH))
    before = all_rows()
    with pytest.raises(ReauthenticationRequired):
        db.write(lambda: identity.renew_authentication(by))
    assert all_rows() == before


def test_a_password_that_was_changed_since_it_was_checked_signs_nobody_in(
    app: object, world: World
) -> None:
    checked = identity.check_password(TINA, PASSWORD)
    assert checked is not None
    old_hash, new_hash = checked.password_hash, identity.hash_password("a fine long password")
    db.write(lambda: identity.change_password(signed_in(TINA), password_hash=new_hash))
    before = all_rows()
    with pytest.raises(Refused, match=r"^password-foreign$"):
        db.write(lambda: open_session(TINA, old_hash))
    assert all_rows() == before
    db.write(lambda: open_session(TINA, new_hash))


def open_session(email: str, password_hash: str) -> str:
    return identity.open_session(user(email).id, user_agent="Browser", password_hash=password_hash)


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
@pytest.mark.parametrize("is_guarded", [True, pytest.param(False, id="control")])
def test_nobody_signs_in_with_a_password_that_is_changed_meanwhile(
    world: World, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    tina, is_changing = signed_in(TINA), threading.Event()
    old_hash = user(TINA).password_hash
    if not is_guarded:
        without_locks(monkeypatch, User)

    def change() -> None:
        db.lock(User, tina.id)
        is_changing.set()
        identity.change_password(tina, password_hash="new")

    def sign_in() -> None:
        assert is_changing.wait(20)
        open_session(TINA, old_hash)

    code = "password-foreign" if is_guarded else "done"
    assert race(change, sign_in) == ["done", code]
    assert bool(identity.sessions_of(tina)) is not is_guarded


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
@pytest.mark.parametrize("is_guarded", [True, pytest.param(False, id="control")])
def test_a_session_that_is_ended_meanwhile_does_nothing_afterwards(
    world: World, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    thief, tina, is_ending = signed_in(TINA), signed_in(TINA), threading.Event()
    if not is_guarded:
        without_locks(monkeypatch, User)

    def end() -> None:
        db.lock(User, tina.id)
        is_ending.set()
        identity.end_other_sessions(tina)

    def switch() -> None:
        assert is_ending.wait(20)
        accounts.switch_to_paid(account(world.trial), by=thief)

    code = "reauthentication-required" if is_guarded else "done"
    assert race(end, switch) == ["done", code]
    assert account(world.trial).mode is (Mode.TRIAL if is_guarded else Mode.PAID)
