"""Dated notes on a customer, for the partner's staff alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, ForeignKey, Index, delete, select, true, update
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import access, audit, locks, values
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.customers.record import Customer
from portal.domain.errors import Refused
from portal.domain.identity import User
from portal.domain.values import Invalid

NOTES_PAGE = 30
MAX_NOTE_LENGTH = 4000


class CustomerNote(db.Base):
    """Plain text that somebody wrote about a customer; it may go, its audit line stays."""

    __tablename__ = "customer_notes"
    __table_args__ = (Index("ix_customer_notes_newest", "customer_id", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    author_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    text: Mapped[str]
    created_at: Mapped[datetime]

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Roles on the partner's account read its notes; a role on the subaccount never does."""
        if actor.is_system:
            return true()
        return cls.customer_id.in_(select(Customer.id).where(Customer.visible_to(actor)))


class NoteLine(NamedTuple):
    """A note as a reader sees it."""

    id: str
    author_id: str
    author: str
    text: str
    created_at: datetime


def add_note(record: Customer, *, by: Actor, text: str) -> CustomerNote:
    """Editors of the partner's account write a note on a customer, in whatever state.

    Raises Forbidden, Refused with what `contact.paragraph` finds.
    """
    partner = db.lock(BillingAccount, record.partner_id)
    access.require(by, Action.NOTE_ADD, partner)
    note = CustomerNote(
        id=db.new_id("not"),
        customer_id=record.id,
        author_id=by.id,
        text=note_text(text),
        created_at=db.now(),
    )
    db.session.add(note)
    db.session.flush()
    audit.record(Action.NOTE_ADD, by=by, chain=partner.id, thing=note.id, customer=record.id)
    return note


def note_text(text: str) -> str:
    """A note's stored form. Raises Refused with the code of what is malformed."""
    try:
        return values.paragraph(text, limit=MAX_NOTE_LENGTH)
    except Invalid as error:
        raise Refused(error.code, field="text", **error.facts) from error


def delete_note(note: CustomerNote, *, by: Actor) -> None:
    """Its author, while they may write notes, or an owner deletes a note. Raises Forbidden."""
    record = db.session.get_one(Customer, note.customer_id)
    locks.lock((BillingAccount, record.partner_id), (Customer, record.id))
    note = db.lock(CustomerNote, note.id)
    partner = db.session.get_one(BillingAccount, record.partner_id)
    access.require(by, Action.NOTE_ADD, partner)
    if note.author_id != by.id:
        access.require(by, Action.NOTE_DELETE, partner)
    db.session.delete(note)
    db.session.flush()
    audit.record(Action.NOTE_DELETE, by=by, chain=partner.id, thing=note.id, customer=record.id)


def deletable(
    notes: Iterable[NoteLine | CustomerNote], partner: BillingAccount, *, actor: Actor
) -> set[str]:
    """The IDs of those that `delete_note` would delete."""
    own, others = (
        access.may(actor, action, partner) for action in (Action.NOTE_ADD, Action.NOTE_DELETE)
    )
    return {note.id for note in notes if (own if note.author_id == actor.id else others)}


def notes_on(record: Customer, *, after: str = "") -> list[NoteLine]:
    """Notes on a customer the caller has found, newest first, one more than a page."""
    found = (
        select(
            CustomerNote.id,
            CustomerNote.author_id,
            User.name,
            CustomerNote.text,
            CustomerNote.created_at,
        )
        .join(User, User.id == CustomerNote.author_id)
        .where(CustomerNote.customer_id == record.id)
    )
    if after:
        found = found.where(CustomerNote.id < after)
    rows = db.session.execute(found.order_by(CustomerNote.id.desc()).limit(NOTES_PAGE + 1))
    return [NoteLine(*row) for row in rows]


def move_notes(record: Customer, to: Customer) -> None:
    """The notes go along to the record that takes this one's place; the calling verb records it."""
    db.session.execute(
        update(CustomerNote).where(CustomerNote.customer_id == record.id).values(customer_id=to.id)
    )


def erase_notes(record: Customer) -> None:
    """A customer who is erased leaves no notes; the calling verb records it."""
    db.session.execute(delete(CustomerNote).where(CustomerNote.customer_id == record.id))
