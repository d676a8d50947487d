"""Roles on an account: given by hand they wait, lowered and revoked they do not; an owner stays."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import update

from portal import db
from portal.domain import access, accounts, customers, team
from portal.domain.access import AccountAccess, AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.audit import AuditLine
from portal.domain.errors import Forbidden, Refused
from portal.domain.team import Member
from tests.support.world import (
    ACE,
    AMIR,
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
    giver,
    user,
)

OWNER, ADMIN, EDITOR, ACCOUNTANT, VIEWER = AccountRole
WAIT = 20
"""Seconds that a role given by hand takes in a local run."""


def grant(world: World, role: AccountRole, *, to: str = DORA, by: str = OLGA) -> None:
    db.write(
        lambda: access.grant(
            role, to=user(to), account=db.lock(BillingAccount, world.north), by=giver(by, role)
        )
    )


def change(world: World, role: AccountRole, *, of: str, by: str = OLGA) -> None:
    db.write(
        lambda: access.change(
            role, of=user(of), account=db.lock(BillingAccount, world.north), by=giver(by, role)
        )
    )


def revoke(world: World, *, of: str, by: str = OLGA) -> None:
    who = actor(by)
    db.write(
        lambda: access.revoke(of=user(of), account=db.lock(BillingAccount, world.north), by=who)
    )


def roles(world: World, email: str) -> set[AccountRole]:
    """The roles that are in effect now."""

    def question() -> set[AccountRole]:
        north = db.session.get_one(BillingAccount, world.north)
        return set(access.roles_on_account(actor(email), north))

    return db.read(question)


def shown(world: World, email: str) -> Member | None:
    def question() -> Member | None:
        return team.member(db.session.get_one(BillingAccount, world.north), user(email).id)

    return db.read(question)


def refusal(unit: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        unit()
    return refused.value.code


def last_line(world: World) -> AuditLine:
    found = db.session.query(AuditLine).filter_by(chain=world.north)
    return found.order_by(AuditLine.seq.desc()).first()


def test_a_role_given_to_someone_is_in_effect_only_once_it_has_spread(
    app: Flask, world: World, clock: Clock
) -> None:
    grant(world, EDITOR)
    assert roles(world, DORA) == set()
    clock.forward(seconds=WAIT - 2)
    assert roles(world, DORA) == set()
    clock.forward(seconds=2)
    assert roles(world, DORA) == {EDITOR}


def test_a_raised_role_keeps_the_old_one_until_the_new_is_in_effect(
    app: Flask, world: World, clock: Clock
) -> None:
    change(world, ADMIN, of=VERA)
    assert roles(world, VERA) == {VIEWER}
    one = shown(world, VERA)
    assert one is not None
    assert (one.role, one.pending_role) == (VIEWER, ADMIN)
    clock.forward(seconds=WAIT)
    assert ADMIN in roles(world, VERA)
    one = shown(world, VERA)
    assert one is not None
    assert (one.role, one.pending_role) == (ADMIN, None)


def test_lowering_works_at_once(app: Flask, world: World) -> None:
    change(world, VIEWER, of=EDDIE)
    assert roles(world, EDDIE) == {VIEWER}


def test_revoking_works_at_once_and_takes_a_pending_role_too(
    app: Flask, world: World, clock: Clock
) -> None:
    change(world, ADMIN, of=VERA)
    revoke(world, of=VERA)
    assert shown(world, VERA) is None
    clock.forward(hours=1)
    assert roles(world, VERA) == set()


def test_lowering_after_a_raise_leaves_nothing_of_the_raise(
    app: Flask, world: World, clock: Clock
) -> None:
    change(world, ADMIN, of=VERA)
    clock.forward(seconds=WAIT)
    change(world, ACCOUNTANT, of=VERA)
    assert roles(world, VERA) == {ACCOUNTANT}
    clock.forward(hours=1)
    assert roles(world, VERA) == {ACCOUNTANT}


def test_giving_back_the_present_role_takes_back_the_raise(
    app: Flask, world: World, clock: Clock
) -> None:
    change(world, ADMIN, of=VERA)
    change(world, VIEWER, of=VERA)
    clock.forward(hours=1)
    assert roles(world, VERA) == {VIEWER}


def test_a_weaker_role_in_place_of_a_pending_one_comes_when_that_would_have_come(
    app: Flask, world: World, clock: Clock
) -> None:
    grant(world, ADMIN)
    clock.forward(seconds=WAIT - 2)
    change(world, VIEWER, of=DORA)
    assert roles(world, DORA) == set()
    clock.forward(seconds=2)
    assert roles(world, DORA) == {VIEWER}


def test_a_stronger_role_in_place_of_a_pending_one_waits_afresh(
    app: Flask, world: World, clock: Clock
) -> None:
    grant(world, VIEWER)
    clock.forward(seconds=WAIT - 2)
    change(world, ADMIN, of=DORA)
    clock.forward(seconds=3)
    assert roles(world, DORA) == set()
    clock.forward(seconds=WAIT)
    assert roles(world, DORA) == {ADMIN}


def test_an_operators_command_does_not_wait(app: Flask, world: World) -> None:
    def unit() -> None:
        north = db.lock(BillingAccount, world.north)
        access.grant(VIEWER, to=user(DORA), account=north, by=COMMAND)

    db.write(unit)
    assert roles(world, DORA) == {VIEWER}


def test_saving_the_role_that_stands_there_leaves_no_line(app: Flask, world: World) -> None:
    before = all_rows()
    change(world, VIEWER, of=VERA)
    assert all_rows() == before
    change(world, ADMIN, of=VERA)
    pending = all_rows()
    change(world, ADMIN, of=VERA)
    assert all_rows() == pending


def test_each_change_leaves_a_line_with_the_role_and_no_name(app: Flask, world: World) -> None:
    grant(world, VIEWER)
    line = last_line(world)
    assert (line.action, line.thing) == ("access.grant", user(DORA).id)
    assert line.facts == {"role": VIEWER}
    change(world, ADMIN, of=DORA)
    assert (last_line(world).action, last_line(world).facts) == ("access.change", {"role": ADMIN})
    revoke(world, of=DORA)
    assert (last_line(world).action, last_line(world).facts) == ("access.revoke", {})


def test_whoever_has_a_role_is_not_given_another_beside_it(app: Flask, world: World) -> None:
    assert refusal(lambda: grant(world, ADMIN, to=VERA)) == "has-role"
    grant(world, VIEWER)
    assert refusal(lambda: grant(world, EDITOR)) == "has-role"


@pytest.mark.parametrize("by", [EDDIE, ACE, VERA, NINA, SAM])
def test_only_owners_and_admins_manage_access(app: Flask, world: World, by: str) -> None:
    before = all_rows()
    for unit in (
        lambda: grant(world, VIEWER, by=by),
        lambda: change(world, ADMIN, of=by, by=by),
        lambda: revoke(world, of=VERA, by=by),
    ):
        with pytest.raises(Forbidden):
            unit()
    assert all_rows() == before


def test_an_admin_neither_makes_nor_touches_an_owner(app: Flask, world: World) -> None:
    before = all_rows()
    for unit in (
        lambda: grant(world, OWNER, by=AMIR),
        lambda: change(world, OWNER, of=EDDIE, by=AMIR),
        lambda: change(world, OWNER, of=AMIR, by=AMIR),
        lambda: change(world, VIEWER, of=OLGA, by=AMIR),
        lambda: revoke(world, of=OLGA, by=AMIR),
    ):
        with pytest.raises(Forbidden):
            unit()
    assert all_rows() == before
    revoke(world, of=EDDIE, by=AMIR)
    assert roles(world, EDDIE) == set()


def test_an_admin_does_not_touch_who_is_to_be_owner(app: Flask, world: World) -> None:
    change(world, OWNER, of=EDDIE)
    with pytest.raises(Forbidden):
        revoke(world, of=EDDIE, by=AMIR)
    with pytest.raises(Forbidden):
        change(world, VIEWER, of=EDDIE, by=AMIR)


def test_the_last_owner_is_neither_removed_nor_lowered(app: Flask, world: World) -> None:
    before = all_rows()
    assert refusal(lambda: revoke(world, of=OLGA)) == "last-owner"
    assert refusal(lambda: change(world, ADMIN, of=OLGA)) == "last-owner"
    assert all_rows() == before


def test_an_owner_to_come_is_no_owner_yet(app: Flask, world: World, clock: Clock) -> None:
    change(world, OWNER, of=AMIR)
    assert refusal(lambda: revoke(world, of=OLGA)) == "last-owner"
    clock.forward(seconds=WAIT)
    revoke(world, of=OLGA)
    assert roles(world, OLGA) == set()
    assert OWNER in roles(world, AMIR)


def test_a_disabled_owner_does_not_count(app: Flask, world: World, clock: Clock) -> None:
    change(world, OWNER, of=AMIR)
    clock.forward(seconds=WAIT)

    def disable() -> None:
        user(AMIR).disabled_at = db.now()

    db.write(disable)
    assert refusal(lambda: revoke(world, of=OLGA)) == "last-owner"


def test_who_is_not_there_is_neither_changed_nor_removed(app: Flask, world: World) -> None:
    for stranger in (DORA, SAM, NINA):
        assert refusal(lambda who=stranger: revoke(world, of=who)) == "no-role"
        assert refusal(lambda who=stranger: change(world, VIEWER, of=who)) == "no-role"


def test_who_was_removed_may_come_back(app: Flask, world: World, clock: Clock) -> None:
    revoke(world, of=VERA)
    grant(world, VIEWER, to=VERA)
    clock.forward(seconds=WAIT)
    assert roles(world, VERA) == {VIEWER}
    north = db.session.get_one(BillingAccount, world.north)
    assert customers.counts_for(actor(VERA), north).total == 2


def each_removes_the_other(
    app: Flask, world: World, remove: Callable[[str, str, Callable[[], None]], None]
) -> list[str]:
    """Olga and Amir, both owners, remove each other at once; what each was told."""
    meeting = threading.Barrier(2)

    def meet() -> None:
        meeting.wait(timeout=20)

    def work(who: str, whom: str) -> str:
        with app.app_context():
            try:
                db.write(lambda: remove(who, whom, meet))
            except Refused as error:
                return error.code
            return "done"

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(work, OLGA, AMIR), pool.submit(work, AMIR, OLGA)]
        return sorted(future.result() for future in both)


@pytest.mark.parametrize("kind", ["postgresql"])
def test_two_owners_who_remove_each_other_at_once_leave_one(
    app: Flask, world: World, clock: Clock
) -> None:
    def guarded(who: str, whom: str, meet: Callable[[], None]) -> None:
        by, of = actor(who), user(whom)
        north = db.session.get_one(BillingAccount, world.north)
        meet()
        access.revoke(of=of, account=north, by=by)

    change(world, OWNER, of=AMIR)
    clock.forward(seconds=WAIT)
    assert each_removes_the_other(app, world, guarded) == ["done", "role-missing"]
    assert len({who for who in (OLGA, AMIR) if OWNER in roles(world, who)}) == 1


@pytest.mark.parametrize("kind", ["postgresql"])
def test_control_without_the_lock_two_owners_remove_each_other(
    app: Flask, world: World, clock: Clock
) -> None:
    def unguarded(who: str, whom: str, meet: Callable[[], None]) -> None:
        by, of = actor(who), user(whom)
        north = db.session.get_one(BillingAccount, world.north)
        access.require(by, "access.manage_owners", north)
        meet()
        db.session.execute(
            update(AccountAccess)
            .where(AccountAccess.user_id == of.id, AccountAccess.account_id == world.north)
            .values(revoked_at=db.now())
        )

    change(world, OWNER, of=AMIR)
    clock.forward(seconds=WAIT)
    assert each_removes_the_other(app, world, unguarded) == ["done", "done"]
    assert not any(OWNER in roles(world, who) for who in (OLGA, AMIR))


# Asked once a request


def test_a_role_revoked_in_a_request_is_not_held_later_in_it(app: Flask, world: World) -> None:
    vera = actor(VERA)

    def held() -> tuple[bool, bool]:
        north = db.session.get_one(BillingAccount, world.north)
        return access.may(vera, "account.see", north), bool(accounts.partner_accounts_of(vera))

    assert held() == held() == (True, True)
    revoke(world, of=VERA)
    assert held() == (False, False)


def test_a_role_revoked_in_a_unit_of_work_is_not_held_later_in_it(app: Flask, world: World) -> None:
    olga, vera = actor(OLGA), actor(VERA)

    def unit() -> list[bool]:
        north = db.lock(BillingAccount, world.north)
        before = access.may(vera, "account.see", north)
        access.revoke(of=user(VERA), account=north, by=olga)
        return [before, access.may(vera, "account.see", north)]

    assert db.write(unit) == [True, False]
