"""Dated notes on a customer, visible only to the partner's staff."""

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
    """A note in plain text. When it is deleted, its audit lines stay."""

    __tablename__ = "customer_notes"
    __table_args__ = (Index("ix_customer_notes_newest", "customer_id", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    author_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    text: Mapped[str]
    created_at: Mapped[datetime]

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Holders of a role on the partner's account see its notes; a role on the subaccount does
        not suffice."""
        if actor.is_system:
            return true()
        return cls.customer_id.in_(select(Customer.id).where(Customer.visible_to(actor)))


class NoteLine(NamedTuple):
    """A note in a list; `author` is the author's name."""

    id: str
    author_id: str
    author: str
    text: str
    created_at: datetime


def add_note(customer: Customer, *, by: Actor, text: str) -> CustomerNote:
    """Editors of the partner's account add a note to a customer in any state.

    Raises Forbidden; Refused as `note_text`.
    """
    partner = db.lock(BillingAccount, customer.partner_id)
    access.require(by, Action.NOTE_ADD, partner)
    note = CustomerNote(
        id=db.new_id("not"),
        customer_id=customer.id,
        author_id=by.id,
        text=note_text(text),
        created_at=db.now(),
    )
    db.session.add(note)
    db.session.flush()
    audit.record(Action.NOTE_ADD, by=by, chain=partner.id, thing=note.id, customer=customer.id)
    return note


def note_text(text: str) -> str:
    """Return a note's text in its stored form. Raises Refused with a code of
    `values.paragraph`."""
    try:
        return values.paragraph(text, limit=MAX_NOTE_LENGTH)
    except Invalid as error:
        raise Refused(error.code, field="text", **error.facts) from error


def delete_note(note: CustomerNote, *, by: Actor) -> None:
    """An owner, or the author while allowed to add notes, deletes a note. Raises Forbidden."""
    customer = db.session.get_one(Customer, note.customer_id)
    locks.lock((BillingAccount, customer.partner_id), (Customer, customer.id))
    note = db.lock(CustomerNote, note.id)
    partner = db.session.get_one(BillingAccount, customer.partner_id)
    access.require(by, Action.NOTE_ADD, partner)
    if note.author_id != by.id:
        access.require(by, Action.NOTE_DELETE, partner)
    db.session.delete(note)
    db.session.flush()
    audit.record(Action.NOTE_DELETE, by=by, chain=partner.id, thing=note.id, customer=customer.id)


def deletable_note_ids(
    notes: Iterable[NoteLine | CustomerNote], partner: BillingAccount, *, actor: Actor
) -> set[str]:
    """Return the IDs of the notes that the actor may delete with `delete_note`."""
    may_own = access.may(actor, Action.NOTE_ADD, partner)
    may_any = access.may(actor, Action.NOTE_DELETE, partner)
    return {note.id for note in notes if (may_own if note.author_id == actor.id else may_any)}


def notes_on(customer: Customer, *, after: str = "") -> list[NoteLine]:
    """Return a page of the notes on a customer, newest first, and one more if there is a next page.

    `after` is the ID of the previous page's last note. The caller checks visibility.
    """
    query = (
        select(
            CustomerNote.id,
            CustomerNote.author_id,
            User.name,
            CustomerNote.text,
            CustomerNote.created_at,
        )
        .join(User, User.id == CustomerNote.author_id)
        .where(CustomerNote.customer_id == customer.id)
    )
    if after:
        query = query.where(CustomerNote.id < after)
    rows = db.session.execute(query.order_by(CustomerNote.id.desc()).limit(NOTES_PAGE + 1))
    return [NoteLine(*row) for row in rows]


def move_notes(customer: Customer, to: Customer) -> None:
    """Move all notes to the customer that replaces this one; the calling verb records it."""
    db.session.execute(
        update(CustomerNote)
        .where(CustomerNote.customer_id == customer.id)
        .values(customer_id=to.id)
    )


def erase_notes(customer: Customer) -> None:
    """Delete all notes on a customer; the calling verb records it."""
    db.session.execute(delete(CustomerNote).where(CustomerNote.customer_id == customer.id))
