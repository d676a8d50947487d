"""Checks what is typed into a customer's record, field by field, while the form is filled in."""

from __future__ import annotations

from typing import Any

from flask import g, redirect, request, url_for
from wtforms import Field

from portal import web
from portal.domain import access, customers
from portal.domain.actions import Action
from portal.domain.customers import Customer, Draft
from portal.domain.errors import Code
from portal.partner.customers.blueprint import blueprint, find
from portal.partner.customers.records import RecordForm, displayed

CHECKED = ("invitation_email", "tin", "phone", "email", "reference")


@blueprint.post("/check")
def check(account_id: str) -> Any:
    """The fields in their stored form, or with what is wrong with them; nothing is written."""
    access.require(web.actor(), Action.CUSTOMER_EDIT, g.partner)
    if not web.is_partial():
        return redirect(url_for(".add", account_id=account_id), 303)
    record = find(request.args["customer"]) if "customer" in request.args else None
    if "address" in request.args:  # *Correct address* has that field alone
        form = RecordForm(g.partner)
        fields = [f for f in _judged(form, record) if f is form.invitation_email]
    else:
        fields = _judged(RecordForm(g.partner, edited=record), record)
    return web.page("partner/customers/check.html", fields=fields)


def _judged(form: RecordForm, record: Customer | None) -> list[Field]:
    """Those that have been filled in, without the others: nobody is blamed for what they have not
    come to. The tax number is among them in any case: the country decides what it is called."""
    filled = [f for f in form if f.name in CHECKED and (f.data or "").strip()]
    if not form.country.data:
        filled = [f for f in filled if f.name not in ("tin", "phone")]
    for field in filled:
        field.validate(form)
    draft = Draft(**{field.name: field.data for field in filled if not field.errors})
    for problem in customers.find_problems(form.partner, draft, but=record):
        if problem.code != Code.TIN_TAKEN:  # it asks for a box that only comes with the answer
            form.refuse(problem)
    if form.phone in filled and not form.phone.errors:
        form.phone.data = displayed(form.phone.data, form.country.data)
    return [f for f in form if f in filled or f is form.tin]
