"""*Notes* on a customer, which only the partner's staff can read."""

from __future__ import annotations

from typing import Any

from flask import g, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import TextAreaField, ValidationError

from portal import db, web
from portal.domain import access, customers
from portal.domain.actions import Action
from portal.domain.customers import Customer, CustomerNote
from portal.domain.errors import Forbidden, Refused
from portal.partner.customers.blueprint import blueprint, find
from portal.partner.customers.summary import summary
from portal.web import form_recovery
from portal.wording.errors import sentence


class NoteForm(web.CreatingForm):
    """The text of a new note."""

    text = TextAreaField(lazy_gettext("New note"), render_kw={"rows": 6})

    def validate_text(self, field: TextAreaField) -> None:
        try:
            field.data = customers.note_text(field.data or "")
        except Refused as error:
            web.log_refusal(error)
            raise ValidationError(sentence(error.code, error.facts)) from error


@blueprint.route("/<id:customer_id>/notes", methods=["GET", "POST"])
def notes(account_id: str, customer_id: str) -> Any:
    """*Notes*: show them, newest first; *Add note*."""
    actor, customer = web.actor(), find(customer_id)
    form = NoteForm(**form_recovery.saved_input())
    form.text.flags.required = True
    if form.is_submitted():
        access.require(actor, Action.NOTE_ADD, g.partner)

    def unit() -> str:
        return customers.add_note(find(customer_id), by=actor, text=form.text.data or "").id

    back = url_for(".notes", account_id=account_id, customer_id=customer_id)
    if answer := web.submit(form, unit, to=back, success=_("The note is added.")):
        return answer
    return _notes_page(customer, form)


def _notes_page(customer: Customer, form: NoteForm) -> Any:
    actor = web.actor()
    after = request.args.get("after", "")[:20]
    lines = customers.notes_on(customer, after=after)
    shown, next_after = web.paginate(lines, customers.NOTES_PAGE)
    return web.form_page(
        form,
        "partner/customers/notes.html",
        **summary(customer),
        may_add=access.may(actor, Action.NOTE_ADD, g.partner),
        notes=shown,
        deletable_ids=customers.deletable_note_ids(shown, g.partner, actor=actor),
        after=after,
        next_after=next_after,
    )


@blueprint.route("/<id:customer_id>/notes/<id:note_id>/delete", methods=["GET", "POST"])
def delete_note(account_id: str, customer_id: str, note_id: str) -> Any:
    """*Delete* a note; GET asks for confirmation."""
    actor, customer = web.actor(), find(customer_id)
    note = web.find_or_404(CustomerNote, note_id)
    web.same_or_404(note.customer_id, customer.id)
    if not customers.deletable_note_ids([note], g.partner, actor=actor):
        raise Forbidden(Action.NOTE_DELETE)
    form = web.Form()

    def unit() -> None:
        customers.delete_note(db.session.get_one(CustomerNote, note_id), by=actor)

    back = url_for(".notes", account_id=account_id, customer_id=customer_id)
    if answer := web.submit(form, unit, to=back, success=_("The note is deleted.")):
        return answer
    return web.form_page(
        form, "partner/customers/delete_note.html", partner=g.partner, customer=customer, note=note
    )
