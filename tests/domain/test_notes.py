"""Notes on a customer: plain text of the staff for the staff; they go with the customer."""

from __future__ import annotations

import pytest
from flask import Flask

from portal import db
from portal.domain import customers
from portal.domain.audit import AuditLine
from portal.domain.customers import Customer, CustomerNote
from portal.domain.errors import Forbidden, Refused
from tests.support.odd_inputs import LONG
from tests.support.world import (
    ACE,
    AMIR,
    CARL,
    EDDIE,
    NINA,
    OLGA,
    SAM,
    VERA,
    Clock,
    World,
    actor,
    all_rows,
)


def add(ident: str, text: str = "Called.", *, by: str = EDDIE) -> str:
    who = actor(by)
    return db.write(lambda: customers.add_note(db.lock(Customer, ident), by=who, text=text).id)


def delete(ident: str, *, by: str) -> None:
    who = actor(by)
    db.write(lambda: customers.delete_note(db.lock(CustomerNote, ident), by=who))


def texts(ident: str) -> list[str]:
    return [one.text for one in customers.notes_on(db.session.get_one(Customer, ident))]


def test_notes_stand_newest_first_with_author_and_time(
    app: Flask, world: World, clock: Clock
) -> None:
    add(world.carls_customer, "first")
    clock.forward(days=1)
    add(world.carls_customer, "second", by=OLGA)
    notes = customers.notes_on(db.session.get_one(Customer, world.carls_customer))
    assert [(one.text, one.author) for one in notes] == [
        ("second", "Olga Owner"),
        ("first", "Eddie Editor"),
    ]
    assert (notes[0].created_at - notes[1].created_at).days == 1


def test_older_notes_follow_page_by_page(app: Flask, world: World) -> None:
    for number in range(customers.NOTES_PAGE + 2):
        add(world.carls_customer, f"note {number}")
    record = db.session.get_one(Customer, world.carls_customer)
    first = customers.notes_on(record)
    assert len(first) == customers.NOTES_PAGE + 1
    rest = customers.notes_on(record, after=first[customers.NOTES_PAGE - 1].id)
    assert [one.text for one in rest] == ["note 1", "note 0"]


@pytest.mark.parametrize("by", [ACE, VERA, NINA, CARL, SAM])
def test_only_editors_and_up_of_the_partner_write_notes(app: Flask, world: World, by: str) -> None:
    before = all_rows()
    with pytest.raises(Forbidden):
        add(world.ninas_customer, by=by)
    assert all_rows() == before


def test_a_note_is_deleted_by_its_author_or_an_owner_alone(app: Flask, world: World) -> None:
    by_amir, by_eddie = add(world.carls_customer, by=AMIR), add(world.carls_customer)
    for who in (AMIR, ACE, VERA, NINA, SAM):
        with pytest.raises(Forbidden):
            delete(by_eddie, by=who)
    delete(by_eddie, by=EDDIE)
    delete(by_amir, by=OLGA)
    assert texts(world.carls_customer) == []


def test_a_deleted_note_leaves_no_text_but_two_lines(app: Flask, world: World) -> None:
    ident = add(world.carls_customer, "something private")
    delete(ident, by=EDDIE)
    assert "something private" not in str(all_rows())
    lines = db.session.query(AuditLine).filter_by(thing=ident).order_by(AuditLine.seq)
    assert [(line.action, line.facts) for line in lines] == [("note.add", {}), ("note.delete", {})]


@pytest.mark.parametrize(
    ("text", "code"),
    [(LONG, "too-long"), ("a\x00b", "control-character"), ("  ", "required")],
)
def test_what_is_no_note_is_refused(app: Flask, world: World, text: str, code: str) -> None:
    before = all_rows()
    with pytest.raises(Refused, match=code):
        add(world.carls_customer, text)
    assert all_rows() == before


def test_notes_go_along_when_the_address_is_corrected(app: Flask, world: World) -> None:
    add(world.carls_customer, "kept")
    who = actor(EDDIE)
    corrected = db.write(
        lambda: (
            customers.correct_address(
                db.lock(Customer, world.carls_customer), by=who, email="right@customer.example"
            ).id
        )
    )
    assert texts(corrected) == ["kept"]
    assert texts(world.carls_customer) == []


def test_notes_go_when_the_customer_is_erased(app: Flask, world: World) -> None:
    add(world.ninas_customer, "two")
    add(world.carls_customer, "another's")
    db.write(lambda: customers.erase_notes(db.lock(Customer, world.ninas_customer)))
    assert texts(world.ninas_customer) == []
    assert texts(world.carls_customer) == ["another's"]


def test_the_customers_people_never_find_a_note(app: Flask, world: World) -> None:
    assert db.find(CustomerNote, world.ninas_note, actor(VERA)) is not None
    for who in (NINA, CARL, SAM):
        assert db.find(CustomerNote, world.ninas_note, actor(who)) is None
