"""Billing accounts: the newcomer's, its trial and grant, paid mode, status, partner status."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from portal import db
from portal.domain import access, accounts, billing_days, customers, invitations, values, workflows
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount, Kind, Status
from portal.domain.actors import COMMAND, NEWCOMER
from portal.domain.errors import Forbidden, Refused
from portal.domain.ledger import Lot
from tests.support.money import owe
from tests.support.world import (
    CARL,
    DORA,
    EDDIE,
    NINA,
    OLGA,
    PASSWORD_HASH,
    TINA,
    VERA,
    Clock,
    World,
    actor,
    all_rows,
    draft,
    register,
    signed_in,
    user,
)

AMOUNT = Decimal(4000)


def find(ident: str) -> BillingAccount:
    return db.session.get_one(BillingAccount, ident)


def status(ident: str) -> Status:
    """The account's status now, as a later request reads it."""
    return db.read(lambda: find(ident).status)


def left(ident: str) -> Decimal | None:
    """What is left of the initial grant now; None where there never was one."""

    def read() -> Decimal | None:
        grant = find(ident).grant
        return grant and grant.left

    return db.read(read)


def switch(ident: str, by: str) -> None:
    db.write(lambda: accounts.switch_to_paid(db.lock(BillingAccount, ident), by=signed_in(by)))


def set_up(ident: str, **values: object) -> None:
    """The account as a later verb will leave it: closed, suspended."""

    def unit() -> None:
        for name, value in values.items():
            setattr(db.lock(BillingAccount, ident), name, value)

    db.write(unit)


def spend_all(ident: str) -> None:
    def unit() -> None:
        db.session.scalars(select(Lot).where(Lot.account_id == ident)).one().used = AMOUNT

    db.write(unit)


def refused(unit: object, code: str) -> Refused:
    before = all_rows()
    with pytest.raises(Refused, match=f"^{code}$") as caught:
        db.write(unit)  # type: ignore[arg-type]
    assert all_rows() == before
    return caught.value


def newcomer(email: str = "new@comer.example") -> str:
    def unit() -> str:
        _user, own = accounts.register(
            values.email(email),
            name="New Comer",
            password_hash=PASSWORD_HASH,
            language="en",
            by=NEWCOMER,
        )
        return own.id

    return db.write(unit)


def test_a_newcomer_gets_a_direct_account_in_trial_with_the_initial_grant(
    app: object, clock: Clock
) -> None:
    own = find(newcomer())
    assert (own.kind, own.mode, own.parent_id) == ("direct", "trial", None)
    assert (own.status, own.name) == ("TRIAL_ACTIVE", "New Comer")
    assert own.id[:3] == "dn2"
    assert own.grant is not None
    assert (own.grant.amount, own.grant.remaining) == (AMOUNT, AMOUNT)
    assert own.grant.last_on - own.grant.first_on == timedelta(days=60)
    assert own.grant.granted_at == own.created_at


def test_a_newcomer_owns_the_account_at_once(app: object) -> None:
    own = find(newcomer())
    who = actor("new@comer.example")
    assert access.roles_on_account(who, own) == {AccountRole.OWNER}
    assert db.find(BillingAccount, own.id, who) is not None


@pytest.mark.parametrize("settings", [{"INITIAL_GRANT": "0"}])
def test_without_an_initial_grant_a_trial_never_ends(app: object, clock: Clock) -> None:
    own = newcomer()
    assert left(own) is None
    clock.forward(days=4000)
    assert status(own) == "TRIAL_ACTIVE"


@pytest.mark.parametrize("settings", [{"INITIAL_GRANT": "12.345678", "INITIAL_GRANT_DAYS": "1"}])
def test_the_initial_grant_is_what_was_agreed_to_the_last_digit(app: object, clock: Clock) -> None:
    own = newcomer()
    assert left(own) == Decimal("12.345678")
    clock.forward(days=2)
    assert (left(own), status(own)) == (0, "TRIAL_EXPIRED")


def test_an_address_gets_one_account_whatever_its_case(app: object, world: World) -> None:
    again = refused(lambda: register("DORA@direct.EXAMPLE", "Second Dora"), "account-exists")
    assert again.field == "email"


def test_the_trial_is_over_at_the_grants_date(app: object, world: World, clock: Clock) -> None:
    grant = find(world.direct).grant
    assert grant is not None
    clock.now = billing_days.start_of(grant.over_on) - timedelta(seconds=1)
    assert (left(world.direct), status(world.direct)) == (AMOUNT, "TRIAL_ACTIVE")
    clock.now = billing_days.start_of(grant.over_on)
    assert (left(world.direct), status(world.direct)) == (0, "TRIAL_EXPIRED")


def test_the_trial_is_over_when_the_grant_is_spent(app: object, world: World) -> None:
    spend_all(world.direct)
    assert status(world.direct) == "TRIAL_EXPIRED"


def test_an_owner_switches_to_paid(app: object, world: World) -> None:
    switch(world.direct, DORA)
    assert find(world.direct).mode == "paid"
    assert status(world.direct) == "ACTIVE"


def test_the_grant_stays_after_switching_until_its_date(
    app: object, world: World, clock: Clock
) -> None:
    grant = find(world.direct).grant
    assert grant is not None
    last_on = grant.last_on
    switch(world.direct, DORA)
    assert left(world.direct) == AMOUNT
    assert find(world.direct).grant.last_on == last_on  # type: ignore[union-attr]
    clock.forward(days=61)
    assert (left(world.direct), status(world.direct)) == (0, "ACTIVE")


def test_an_expired_trial_switches_too(app: object, world: World, clock: Clock) -> None:
    clock.forward(days=61)
    switch(world.direct, DORA)
    assert status(world.direct) == "ACTIVE"


def test_switching_is_one_way_and_done_once(app: object, world: World) -> None:
    switch(world.direct, DORA)
    refused(lambda: accounts.switch_to_paid(find(world.direct), by=signed_in(DORA)), "already-paid")


@pytest.mark.parametrize("role", [r for r in AccountRole if r is not AccountRole.OWNER])
def test_only_an_owner_switches(app: object, world: World, role: AccountRole) -> None:
    def give() -> None:
        own = find(world.direct)
        access.assign_account_role(role, to=user(EDDIE).id, account=own, by=actor(DORA))

    db.write(give)
    with pytest.raises(Forbidden):
        switch(world.direct, EDDIE)
    assert find(world.direct).mode == "trial"


def test_a_subaccount_is_paid_from_the_beginning(app: object, world: World) -> None:
    assert find(world.carls_subaccount).mode == "paid"
    refused(
        lambda: accounts.switch_to_paid(find(world.carls_subaccount), by=signed_in(OLGA)),
        "already-paid",
    )


def test_a_closed_account_does_not_switch(app: object, world: World) -> None:
    set_up(world.direct, closed_at=find(world.direct).created_at)
    refused(
        lambda: accounts.switch_to_paid(find(world.direct), by=signed_in(DORA)), "account-closed"
    )


def test_a_suspended_subaccount_is_suspended_and_a_closed_one_closed(
    app: object, world: World
) -> None:
    then = find(world.ninas_subaccount).created_at
    assert status(world.ninas_subaccount) == "ACTIVE"
    set_up(world.ninas_subaccount, suspended_at=then)
    assert status(world.ninas_subaccount) == "SUSPENDED"
    set_up(world.ninas_subaccount, closed_at=then)
    assert status(world.ninas_subaccount) == "CLOSED"


def test_a_closed_trial_is_closed(app: object, world: World) -> None:
    set_up(world.direct, closed_at=find(world.direct).created_at)
    assert status(world.direct) == "CLOSED"


def test_subaccounts_never_get_an_initial_grant(app: object, world: World) -> None:
    def unit() -> str:
        partner = db.lock(BillingAccount, world.north)
        return customers.add(partner, by=actor(OLGA), draft=draft()).subaccount_id

    assert left(db.write(unit)) is None
    subaccounts = db.session.query(BillingAccount).filter_by(kind=Kind.SUBACCOUNT)
    assert [each.grant for each in subaccounts] == [None] * 4


def test_partner_status_turns_a_direct_account_into_a_partners(app: object, world: World) -> None:
    db.write(
        lambda: accounts.grant_partner_status(
            db.lock(BillingAccount, world.direct), name="Dora & Co", by=COMMAND
        )
    )
    assert find(world.direct).kind == "partner"
    assert find(world.direct).mode == "trial"
    assert left(world.direct) == AMOUNT
    assert accounts.partner_accounts_of(actor(DORA)) == [(world.direct, "Dora & Co")]
    assert [a.id for a in accounts.accounts_for(actor(DORA), search="dora & co")] == [world.direct]


def test_partner_status_without_a_name_keeps_the_accounts(app: object, world: World) -> None:
    db.write(
        lambda: accounts.grant_partner_status(
            db.lock(BillingAccount, world.direct), name=None, by=COMMAND
        )
    )
    assert accounts.partner_accounts_of(actor(DORA)) == [(world.direct, "Dora Direct")]


def test_only_a_direct_account_gets_partner_status(app: object, world: World) -> None:
    for ident in (world.north, world.ninas_subaccount):
        refused(
            lambda ident=ident: accounts.grant_partner_status(find(ident), name=None, by=COMMAND),
            "not-direct",
        )


def revoke(ident: str) -> None:
    workflows.revoke_partner_status(find(ident), by=COMMAND)


def test_partner_status_is_not_taken_away_while_customers_live(app: object, world: World) -> None:
    assert refused(lambda: revoke(world.north), "customers-live").facts == {"count": 2}
    assert refused(lambda: revoke(world.south), "customers-live").facts == {"count": 1}


def test_partner_status_is_taken_away_when_no_customer_lives(app: object, world: World) -> None:
    def decline() -> None:
        customers.decline(invitations.open_for(actor(CARL))[0], by=actor(CARL))

    def add() -> None:
        customers.add(find(world.trial), by=actor(TINA), draft=draft(CARL))

    switch(world.trial, TINA)
    db.write(add)
    refused(lambda: revoke(world.trial), "customers-live")
    db.write(decline)
    db.write(lambda: revoke(world.trial))
    assert find(world.trial).kind == "direct"
    assert accounts.partner_accounts_of(actor(TINA)) == []


def test_who_is_no_partner_loses_no_partner_status(app: object, world: World) -> None:
    for ident in (world.direct, world.ninas_subaccount):
        refused(lambda ident=ident: revoke(ident), "not-partner")


def test_staff_finds_its_partner_whatever_its_role(app: object, world: World) -> None:
    for email in (OLGA, EDDIE, VERA):
        assert accounts.partner_accounts_of(actor(email)) == [(world.north, "North")]
    for email in (CARL, NINA, DORA):
        assert accounts.partner_accounts_of(actor(email)) == []


@pytest.mark.parametrize("email", [OLGA, EDDIE, VERA, NINA])
def test_ones_own_account_is_never_an_employers_or_a_subaccount(
    app: object, world: World, email: str
) -> None:
    own = accounts.first_own_account(user(email))
    assert own is not None
    assert access.roles_on_account(actor(email), own) == {AccountRole.OWNER}
    assert own.kind != "subaccount"


def test_one_sees_the_accounts_one_holds_a_role_on(app: object, world: World) -> None:
    def own(email: str) -> str:
        found = accounts.first_own_account(user(email))
        assert found is not None
        return found.id

    def seen(email: str) -> set[str]:
        return {a.id for a in accounts.accounts_for(actor(email))}

    norths = {world.north, world.carls_subaccount, world.ninas_subaccount}
    assert seen(NINA) == {own(NINA), world.ninas_subaccount}
    assert seen(OLGA) == norths
    assert seen(VERA) == norths | {own(VERA)}


def test_accounts_are_searched_by_name_and_id(app: object, world: World) -> None:
    def found(text: str) -> list[str]:
        return [a.id for a in accounts.accounts_for(actor(OLGA), search=text)]

    assert found("CARL & s") == [world.carls_subaccount]
    assert found(f" {world.north.upper()} ") == [world.north]
    assert found("%") == []
    assert found(world.south) == []


def test_ones_own_account_is_listed_first_then_subaccounts_newest_first_and_paged(
    app: object, world: World
) -> None:
    def add() -> str:
        return customers.add(find(world.north), by=actor(OLGA), draft=draft()).subaccount_id

    newest = db.write(add)
    everywhere = [a.id for a in accounts.accounts_for(actor(OLGA))]
    assert everywhere[:2] == [world.north, newest]
    assert everywhere[1:] == sorted(everywhere[1:], reverse=True)
    assert [a.id for a in accounts.accounts_for(actor(OLGA), after=everywhere[0])] == everywhere[1:]


def test_clouds_are_paid_from_accounts_that_can_pay_and_let_one_create(
    app: object, world: World, clock: Clock
) -> None:
    def payers(email: str) -> set[str]:
        return db.read(lambda: {a.id for a in accounts.accounts_to_pay_from(actor(email))})

    assert payers(DORA) == {world.direct}
    assert world.ninas_subaccount in payers(NINA)
    assert world.north in payers(EDDIE)
    assert world.north not in payers(VERA)
    clock.forward(days=61)
    assert payers(DORA) == set()
    assert payers(NINA) == {world.ninas_subaccount}
    set_up(world.ninas_subaccount, suspended_at=clock.now)
    assert payers(NINA) == set()
    owe(world.north)
    assert payers(EDDIE) == set()
