"""Suspending, resuming, removing, ending: who may, from which state, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from portal import db
from portal.domain import access, clouds, customers, invitations
from portal.domain.accounts import BillingAccount
from portal.domain.accounts import Status as AccountStatus
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer, Status
from portal.domain.errors import Forbidden, Refused
from portal.domain.invitations import Answer
from portal.domain.mail_deliveries import DeliveryState
from tests.support.world import AMIR, CARL, EDDIE, NINA, OLGA, SAM, World, actor, draft, signed_in

Verb = Callable[..., Any]


def do(verb: Verb, ident: str, *, by: str = OLGA) -> None:
    db.write(lambda: verb(db.lock(Customer, ident), by=signed_in(by)))


def record(ident: str) -> Customer:
    found = db.find(Customer, ident, actor(OLGA))
    assert found is not None
    return found


def subaccount(world: World) -> BillingAccount:
    found = db.find(BillingAccount, world.ninas_subaccount, actor(OLGA))
    assert found is not None
    return found


def refusal(verb: Verb, ident: str, *, by: str = OLGA) -> str:
    with pytest.raises(Refused) as refused:
        do(verb, ident, by=by)
    return refused.value.code


def test_suspending_stops_the_subaccount_and_leaves_its_clouds_linked(
    app: Flask, world: World
) -> None:
    do(customers.suspend, world.ninas_customer, by=EDDIE)
    assert record(world.ninas_customer).status is Status.SUSPENDED
    assert subaccount(world).status is AccountStatus.SUSPENDED
    linked = clouds.clouds_linked_to([world.ninas_subaccount])[world.ninas_subaccount]
    assert [row.id for row in linked] == [world.ninas_cloud]


def test_resuming_takes_up_again(app: Flask, world: World) -> None:
    do(customers.suspend, world.ninas_customer)
    do(customers.resume, world.ninas_customer, by=EDDIE)
    assert record(world.ninas_customer).status is Status.ACTIVE
    assert subaccount(world).status is AccountStatus.ACTIVE


def test_nothing_is_created_in_a_suspended_subaccount(app: Flask, world: World) -> None:
    do(customers.suspend, world.ninas_customer)
    who = actor(NINA)
    with pytest.raises(Refused, match="account-not-active"):
        db.write(
            lambda: clouds.create(db.lock(BillingAccount, world.ninas_subaccount), by=who, name="x")
        )


def test_removing_closes_all_frees_the_address_and_withdraws_the_invitation(
    app: Flask, world: World
) -> None:
    do(customers.remove, world.carls_customer)
    gone = record(world.carls_customer)
    assert gone.status is Status.INACTIVE
    assert invitations.answer_of(gone.subaccount_id)[0] is Answer.WITHDRAWN
    assert invitations.open_for(actor(CARL)) == []
    closed = db.find(Cloud, world.carls_cloud, actor(OLGA))
    assert closed is not None
    assert closed.closed_at is not None
    mail = invitations.delivery_of(gone.subaccount_id)
    assert mail is not None
    assert mail.state is DeliveryState.CANCELLED
    who = actor(OLGA)
    db.write(lambda: customers.add(db.lock(BillingAccount, world.north), by=who, draft=draft(CARL)))
    assert len(invitations.open_for(actor(CARL))) == 1


def test_only_owners_remove_and_end(app: Flask, world: World) -> None:
    for who in (AMIR, EDDIE):
        with pytest.raises(Forbidden):
            do(customers.remove, world.carls_customer, by=who)
        with pytest.raises(Forbidden):
            do(customers.end_partnership, world.ninas_customer, by=who)
    with pytest.raises(Forbidden):
        do(customers.end_partnership, world.ninas_customer, by=SAM)
    assert record(world.carls_customer).status is Status.WAITING
    assert record(world.ninas_customer).status is Status.ACTIVE


@pytest.mark.parametrize("by", [OLGA, NINA])
def test_the_partners_owner_and_the_subaccounts_admin_end_the_partnership(
    app: Flask, world: World, by: str
) -> None:
    do(customers.end_partnership, world.ninas_customer, by=by)
    assert record(world.ninas_customer).status is Status.INACTIVE
    assert subaccount(world).status is AccountStatus.CLOSED
    closed = db.find(Cloud, world.ninas_cloud, actor(OLGA))
    assert closed is not None
    assert closed.closed_at is not None


def test_a_partnership_ends_only_once_no_used_cloud_is_linked(app: Flask, world: World) -> None:
    who = actor(NINA)
    db.write(
        lambda: clouds.create(db.lock(BillingAccount, world.ninas_subaccount), by=who, name="used")
    )
    assert refusal(customers.end_partnership, world.ninas_customer) == "clouds-linked"
    assert record(world.ninas_customer).status is Status.ACTIVE


def test_a_default_cloud_with_a_folder_of_its_own_is_used(app: Flask, world: World) -> None:
    who = actor(NINA)
    db.write(lambda: clouds.create_folder(db.lock(Cloud, world.ninas_cloud), by=who, name="mine"))
    assert refusal(customers.end_partnership, world.ninas_customer) == "clouds-linked"


def test_a_suspended_partnership_can_be_ended(app: Flask, world: World) -> None:
    do(customers.suspend, world.ninas_customer)
    do(customers.end_partnership, world.ninas_customer)
    assert record(world.ninas_customer).status is Status.INACTIVE


@pytest.mark.parametrize(
    ("verb", "which", "code"),
    [
        (customers.suspend, "carls_customer", "customer-not-active"),
        (customers.resume, "carls_customer", "customer-not-suspended"),
        (customers.resume, "ninas_customer", "customer-not-suspended"),
        (customers.remove, "ninas_customer", "customer-answered"),
        (customers.end_partnership, "carls_customer", "partnership-not-confirmed"),
    ],
)
def test_a_state_changes_only_along_the_table(
    app: Flask, world: World, verb: Verb, which: str, code: str
) -> None:
    ident = getattr(world, which)
    before = record(ident).status
    lines = len(customers.history_of(record(ident)))
    assert refusal(verb, ident) == code
    assert record(ident).status is before
    assert len(customers.history_of(record(ident))) == lines


def test_each_change_leaves_its_line(app: Flask, world: World) -> None:
    do(customers.suspend, world.ninas_customer)
    do(customers.resume, world.ninas_customer)
    do(customers.end_partnership, world.ninas_customer)
    actions = [line.action for line in customers.history_of(record(world.ninas_customer))]
    assert actions[:3] == ["partnership.end", "customer.resume", "customer.suspend"]


def test_the_customer_keeps_its_role_on_the_closed_subaccount_to_read(
    app: Flask, world: World
) -> None:
    do(customers.end_partnership, world.ninas_customer)
    assert access.may(actor(NINA), "account.see", subaccount(world))
