"""A record is edited whole, by those who may, over what they saw; an address is corrected once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from portal import db
from portal.domain import access, customers, identity, invitations, mail_deliveries, policy
from portal.domain.accounts import BillingAccount
from portal.domain.customers import Customer, Draft, Status
from portal.domain.errors import Refused
from portal.domain.mail_deliveries import DeliveryState
from tests.support.world import CARL, EDDIE, OLGA, World, actor, draft, user


def record(ident: str) -> Customer:
    found = db.find(Customer, ident, actor(OLGA))
    assert found is not None
    return found


def edit(ident: str, *, by: str = EDDIE, version: int | None = None, **changes: Any) -> None:
    shown = record(ident)
    wanted = replace(customers.draft_of(shown), **changes)
    seen = shown.version if version is None else version
    who = actor(by)
    db.write(lambda: customers.edit(db.lock(Customer, ident), by=who, draft=wanted, version=seen))


def added(world: World, wanted: Draft) -> str:
    who = actor(OLGA)
    return db.write(
        lambda: customers.add(db.lock(BillingAccount, world.north), by=who, draft=wanted).id
    )


def refusal(unit: Any) -> str:
    with pytest.raises(Refused) as refused:
        unit()
    return refused.value.code


def test_editing_changes_the_record_its_search_and_its_subaccounts_name(
    app: Flask, world: World
) -> None:
    edit(world.ninas_customer, name="Żółw Ltd", tin="DE136695976", reference="CRM-7")
    found = record(world.ninas_customer)
    assert (found.name, found.tin, found.reference) == ("Żółw Ltd", "DE136695976", "CRM-7")
    north = db.find(BillingAccount, world.north, actor(OLGA))
    assert north is not None
    rows = customers.page_for(actor(OLGA), north, customers.Filter(search="zolw"))
    assert [row.id for row in rows] == [world.ninas_customer]
    subaccount = db.find(BillingAccount, world.ninas_subaccount, actor(OLGA))
    assert subaccount is not None
    assert subaccount.name == "Żółw Ltd"


def test_editing_leaves_a_line_with_the_names_of_the_fields_and_no_values(
    app: Flask, world: World
) -> None:
    edit(world.ninas_customer, name="Secret Name", phone="030 23125182")
    line = customers.history_of(record(world.ninas_customer))[0]
    assert line.action == "customer.edit"
    assert line.facts == {"fields": ["name", "phone"]}


def test_the_invited_address_cant_be_edited(app: Flask, world: World) -> None:
    edit(world.carls_customer, invitation_email="other@customer.example", name="Carl")
    assert record(world.carls_customer).invitation_email == CARL


def test_saving_what_stands_there_leaves_no_line(app: Flask, world: World) -> None:
    before = len(customers.history_of(record(world.ninas_customer)))
    edit(world.ninas_customer)
    assert len(customers.history_of(record(world.ninas_customer))) == before


def test_nobody_overwrites_what_they_did_not_see(app: Flask, world: World) -> None:
    seen = record(world.ninas_customer).version
    edit(world.ninas_customer, description="Eddie was first")
    code = refusal(lambda: edit(world.ninas_customer, version=seen, description="Olga"))
    assert code == "record-changed"
    assert record(world.ninas_customer).description == "Eddie was first"


def test_an_inactive_customers_record_stays_as_it_was(app: Flask, world: World) -> None:
    who = actor(CARL)
    db.write(lambda: customers.decline(invitations.open_for(who)[0], by=who))
    assert refusal(lambda: edit(world.carls_customer, name="New")) == "customer-inactive"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tin": "DE136695977"}, "tax-check-digits"),
        ({"name": " "}, "required"),
        ({"reference": "TAKEN"}, "reference-taken"),
        ({"tin": "DE136695976"}, "tin-taken"),
        ({"manager_id": "aje00000000000000000"}, "manager-not-staff"),
    ],
)
def test_editing_keeps_the_rules_of_adding(
    app: Flask, world: World, changes: dict[str, str], code: str
) -> None:
    added(world, draft(tin="DE136695976", reference="TAKEN"))
    assert refusal(lambda: edit(world.ninas_customer, **changes)) == code
    assert record(world.ninas_customer).name == "Nina GmbH"


def test_a_records_own_reference_and_tax_number_do_not_stand_in_its_way(
    app: Flask, world: World
) -> None:
    ident = added(world, draft(tin="DE136695976", reference="OWN"))
    edit(ident, description="still mine")
    assert record(ident).description == "still mine"


def test_a_domain_that_is_not_allowed_any_more_does_not_stop_an_edit(
    app: Flask, world: World
) -> None:
    agreed = policy.current()
    policy.configure(replace(agreed, customer_email_domains=("yandex.example",)))
    try:
        edit(world.ninas_customer, description="fine")
    finally:
        policy.configure(agreed)
    assert record(world.ninas_customer).description == "fine"


def correct(ident: str, email: str, *, by: str = EDDIE) -> str:
    who = actor(by)
    return db.write(
        lambda: customers.correct_address(db.lock(Customer, ident), by=who, email=email).id
    )


def test_correcting_the_address_ends_the_old_record_and_adds_a_new_one_with_its_own_mail(
    app: Flask, world: World
) -> None:
    edit(world.carls_customer, reference="CRM-1", description="a good one")
    ident = correct(world.carls_customer, "carla@customer.example")
    old, new = record(world.carls_customer), record(ident)
    assert (old.status, new.status) == (Status.INACTIVE, Status.WAITING)
    assert new.invitation_email == "carla@customer.example"
    assert (new.name, new.reference, new.description) == (old.name, "CRM-1", "a good one")
    assert new.subaccount_id != old.subaccount_id
    old_mail = invitations.delivery_of(old.subaccount_id)
    new_mail = invitations.delivery_of(new.subaccount_id)
    assert old_mail is not None
    assert new_mail is not None
    assert old_mail.state is DeliveryState.CANCELLED
    assert new_mail.state is DeliveryState.PENDING
    assert invitations.open_for(actor(CARL)) == []


def test_a_mail_that_is_being_transmitted_is_not_called_cancelled(app: Flask, world: World) -> None:
    subaccount = record(world.carls_customer).subaccount_id
    while True:
        entry = db.write(mail_deliveries.claim_next)
        assert entry is not None
        token = entry.token or ""
        ident = entry.id
        assert db.write(
            lambda ident=ident, token=token: mail_deliveries.mark_transmitting(ident, token)
        )
        if entry.about == subaccount:
            break
    correct(world.carls_customer, "carla@customer.example")
    mail = invitations.delivery_of(subaccount)
    assert mail is not None
    assert mail.state is DeliveryState.TRANSMITTING


def test_an_address_is_corrected_only_until_the_invitation_is_answered(
    app: Flask, world: World
) -> None:
    code = refusal(lambda: correct(world.ninas_customer, "nino@second.example"))
    assert code == "customer-answered"
    assert record(world.ninas_customer).status is Status.ACTIVE


def test_a_refused_new_address_leaves_the_old_customer_waiting(app: Flask, world: World) -> None:
    assert refusal(lambda: correct(world.carls_customer, OLGA)) == "email-is-staff"
    assert record(world.carls_customer).status is Status.WAITING
    assert identity.user_by_email(OLGA) is not None


def test_the_address_is_corrected_though_the_manager_has_left_the_staff(
    app: Flask, world: World
) -> None:
    ident = added(world, draft("old@client.example", manager_id=world.eddie))
    north = db.session.get_one(BillingAccount, world.north)
    db.write(lambda: access.revoke(of=user(EDDIE), account=north, by=actor(OLGA)))
    new = db.write(
        lambda: (
            customers.correct_address(
                db.lock(Customer, ident), by=actor(OLGA), email="new@client.example"
            ).id
        )
    )
    assert record(new).manager_id == world.eddie
