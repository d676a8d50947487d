"""Erasing a customer: nothing personal is left in any table, and the log still verifies."""

from __future__ import annotations

import pytest
from flask import Flask

from portal import db
from portal.domain import (
    accounts,
    audit,
    customers,
    identity,
    imports,
    invitations,
    mail_deliveries,
    values,
    workflows,
)
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.audit import AuditLine
from portal.domain.customers import Customer, CustomerNote, Draft
from portal.domain.errors import Refused
from portal.domain.identity import SavedForm
from portal.domain.imports import Line
from portal.domain.mail_deliveries import MailDelivery
from tests.support.world import EDDIE, OLGA, SAM, World, actor, all_rows, user

PERSONAL = {
    "name": "Xaverina Quill",
    "invitation_email": "xaverina@quill.example",
    "country": "DE",
    "tin": "DE136695976",
    "longname": "Xaverina Quill Handels GmbH",
    "phone": "+4930901820",
    "email": "office@quill.example",
    "legal_address": "Legal Lane 1",
    "post_address": "Postal Path 2",
    "post_code": "D-10997",
    "description": "met her at the harbour",
    "reference": "REF-XQ-1",
}


@pytest.fixture
def quill(app: Flask, world: World) -> str:
    """A customer with every field filled, whose mail the relay refused in words that name her."""

    def unit() -> str:
        draft = Draft(**PERSONAL, manager_id=user(EDDIE).id)  # type: ignore[arg-type]
        partner = db.lock(BillingAccount, world.north)
        return customers.add(partner, by=actor(OLGA), draft=draft).id

    ident = db.write(unit)

    def refuse() -> None:
        while (entry := mail_deliveries.claim_next()) is not None:
            assert entry.token
            mail_deliveries.record_refused(
                entry.id, entry.token, f"550 <{entry.recipient}> unknown"
            )

    db.write(refuse)

    def write_down() -> None:
        record = db.lock(Customer, ident)
        customers.add_note(record, by=actor(EDDIE), text=f"Call {PERSONAL['name']}.")
        identity.save_form(user(EDDIE).id, {"phone": [PERSONAL["phone"]]})
        identity.save_form(user(SAM).id, {"name": ["What Sam typed"]})
        named = {field: PERSONAL[field] for field in ("name", "invitation_email", "country")}
        partner = db.lock(BillingAccount, record.partner_id)
        imports.upload(partner, by=actor(EDDIE), lines=[Line(2, named)])

    db.write(write_down)
    return ident


def remove(ident: str) -> None:
    db.write(lambda: customers.remove(db.lock(Customer, ident), by=actor(OLGA)))


def erase(ident: str) -> None:
    db.write(lambda: workflows.erase_customer(db.lock(Customer, ident), by=COMMAND))


def personal_values_left() -> set[str]:
    rows = str(all_rows()).casefold()
    return {value for value in PERSONAL.values() if len(value) > 2 and value.casefold() in rows}


def test_nothing_personal_is_left_in_any_table(app: Flask, world: World, quill: str) -> None:
    remove(quill)
    assert personal_values_left() == set(PERSONAL.values()) - {"DE"}
    erase(quill)
    assert personal_values_left() == set()
    record = db.session.get_one(Customer, quill)
    assert (record.status, record.country, record.manager_id) == ("Inactive", "DE", None)
    subaccount = db.session.get_one(BillingAccount, record.subaccount_id)
    assert subaccount.name == subaccount.id


def test_notes_and_what_the_staff_had_typed_go_and_nobody_elses(
    app: Flask, world: World, quill: str
) -> None:
    remove(quill)
    erase(quill)
    assert db.read(lambda: customers.notes_on(db.session.get_one(Customer, quill))) == []
    kept = db.read(lambda: [form.fields for form in db.session.query(SavedForm)])
    assert kept == [{"name": ["What Sam typed"]}]
    assert db.session.query(CustomerNote).count() == 1, "Nina's"


def test_the_log_still_verifies_and_has_one_line_more(app: Flask, quill: str) -> None:
    remove(quill)
    before = db.session.query(AuditLine).count()
    erase(quill)
    assert audit.find_broken_links() == []
    assert db.session.query(AuditLine).count() == before + 1
    history = db.read(lambda: customers.history_of(db.session.get_one(Customer, quill)))
    assert "customer.erase" in [line.action for line in history]


def test_what_became_of_the_mail_stays(app: Flask, quill: str) -> None:
    remove(quill)
    erase(quill)
    record = db.session.get_one(Customer, quill)
    entry = db.session.query(MailDelivery).filter_by(about=record.subaccount_id).one()
    assert (entry.state, entry.recipient, entry.facts, entry.answer) == ("refused", "", {}, None)


def test_erasing_again_changes_nothing(app: Flask, quill: str) -> None:
    remove(quill)
    erase(quill)
    before = all_rows()
    erase(quill)
    assert all_rows() == before


@pytest.mark.parametrize("which", ["carls_customer", "ninas_customer"])
def test_a_live_customer_is_not_erased(app: Flask, world: World, which: str) -> None:
    before = all_rows()
    with pytest.raises(Refused, match="customer-not-inactive"):
        erase(getattr(world, which))
    assert all_rows() == before


def test_a_mail_that_is_being_handed_over_is_waited_for(app: Flask, world: World) -> None:
    def transmit() -> None:
        while (entry := mail_deliveries.claim_next()) is not None:
            assert entry.token
            mail_deliveries.mark_transmitting(entry.id, entry.token)

    db.write(transmit)
    remove(world.carls_customer)
    with pytest.raises(Refused, match="mail-leaving"):
        erase(world.carls_customer)


def test_an_erased_invitation_is_nobodys(app: Flask, world: World, quill: str) -> None:
    remove(quill)
    erase(quill)
    subaccount_id = db.session.get_one(Customer, quill).subaccount_id
    address = values.email(PERSONAL["invitation_email"])
    _user, _own = db.write(
        lambda: accounts.register(address, name="X", password_hash="x", language="en", by=COMMAND)
    )
    again = actor(PERSONAL["invitation_email"])
    assert invitations.find_by_link(again, subaccount_id) is None
    assert not invitations.is_invited("")
    assert invitations.open_for(again) == []


def test_the_list_still_leads_to_the_record(app: Flask, world: World, quill: str) -> None:
    remove(quill)
    erase(quill)
    client = app.test_client()
    client.get("/sign-in")
    client.submit("Sign in", email=OLGA, password="correct horse")  # type: ignore[attr-defined]
    pages = f"/partner/{world.north}/customers"
    assert quill in client.get(pages).text
    assert client.get(f"{pages}/{quill}").status_code == 200
    assert "personal values were erased" in client.get(f"{pages}/{quill}/history").text


def test_the_command_erases_and_says_why_it_does_not(app: Flask, world: World, quill: str) -> None:
    runner = app.test_cli_runner()
    refused = runner.invoke(args=["customer", "erase", quill])
    assert refused.exit_code == 1
    assert "Only an Inactive customer can be erased" in refused.output
    remove(quill)
    done = runner.invoke(args=["customer", "erase", quill])
    assert (done.exit_code, personal_values_left()) == (0, set())
    for wrong in ("cst" + "0" * 17, "x", "'"):
        missing = runner.invoke(args=["customer", "erase", wrong])
        assert f"There is no customer {wrong}." in missing.output
