"""*Notes* on a customer: what the staff write down for each other."""

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
    """A note."""

    text = TextAreaField(lazy_gettext("New note"), render_kw={"rows": 6})

    def validate_text(self, field: TextAreaField) -> None:
        try:
            field.data = customers.note_text(field.data or "")
        except Refused as error:
            raise ValidationError(sentence(error.code, error.facts)) from error


@blueprint.route("/<id:customer_id>/notes", methods=["GET", "POST"])
def notes(account_id: str, customer_id: str) -> Any:
    """*Notes*, newest first; *Add note*."""
    actor, record = web.actor(), find(customer_id)
    form = NoteForm(**form_recovery.saved_input())
    form.text.flags.required = True
    if form.is_submitted():
        access.require(actor, Action.NOTE_ADD, g.partner)

    def unit() -> str:
        return customers.add_note(find(customer_id), by=actor, text=form.text.data or "").id

    back = url_for(".notes", account_id=account_id, customer_id=customer_id)
    if answer := web.submit(form, unit, to=back, success=_("The note is added.")):
        return answer
    return _page(record, form)


def _page(record: Customer, form: NoteForm) -> Any:
    actor = web.actor()
    after = request.args.get("after", "")[:20]
    lines = customers.notes_on(record, after=after)
    shown = lines[: customers.NOTES_PAGE]
    return web.page(
        "partner/customers/notes.html",
        **summary(record),
        form=form,
        may_add=access.may(actor, Action.NOTE_ADD, g.partner),
        notes=shown,
        deletable=customers.deletable(shown, g.partner, actor=actor),
        after=after,
        next_after=shown[-1].id if len(lines) > len(shown) else None,
        status=form.status,
    )


@blueprint.route("/<id:customer_id>/notes/<id:note_id>/delete", methods=["GET", "POST"])
def delete_note(account_id: str, customer_id: str, note_id: str) -> Any:
    """*Delete* a note; GET asks."""
    actor, record = web.actor(), find(customer_id)
    note = web.find_or_404(CustomerNote, note_id)
    web.same_or_404(note.customer_id, record.id)
    if not customers.deletable([note], g.partner, actor=actor):
        raise Forbidden(Action.NOTE_DELETE)
    form = web.Form()

    def unit() -> None:
        customers.delete_note(db.session.get_one(CustomerNote, note_id), by=actor)

    back = url_for(".notes", account_id=account_id, customer_id=customer_id)
    if answer := web.submit(form, unit, to=back, success=_("The note is deleted.")):
        return answer
    return web.page(
        "partner/customers/delete_note.html",
        partner=g.partner,
        customer=record,
        note=note,
        form=form,
        status=form.status,
    )
