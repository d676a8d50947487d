"""Validation of a customer's fields one by one, while the form is filled in."""

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
from portal.partner.customers.records import RecordForm
from portal.partner.record_fields import display_phone

VALIDATED = ("invitation_email", "tin", "phone", "email", "reference")


@blueprint.post("/check")
def check(account_id: str) -> Any:
    """Render the fields in their stored form or with their errors; write nothing."""
    access.require(web.actor(), Action.CUSTOMER_EDIT, g.partner)
    if not web.is_partial():
        return redirect(url_for(".add", account_id=account_id), 303)
    customer = find(request.args["customer"]) if "customer" in request.args else None
    if "address" in request.args:  # *Correct address* has that field alone
        form = RecordForm(g.partner)
        validated = _validate_fields(form, customer)
        fields = [field for field in validated if field is form.invitation_email]
    else:
        fields = _validate_fields(RecordForm(g.partner, customer=customer), customer)
    return web.page("partner/customers/check.html", fields=fields)


def _validate_fields(form: RecordForm, customer: Customer | None) -> list[Field]:
    """Validate the fields that are filled in, and return them. Empty ones may still be filled in.
    The tax number is always returned: its label depends on the country."""
    filled = [field for field in form if field.name in VALIDATED and (field.data or "").strip()]
    if not form.country.data:
        filled = [field for field in filled if field.name not in ("tin", "phone")]
    for field in filled:
        field.validate(form)
    draft = Draft(**{field.name: field.data for field in filled if not field.errors})
    for problem in customers.find_problems(form.partner, draft, current=customer):
        if problem.code != Code.TIN_TAKEN:  # its checkbox only appears once the form is sent
            form.refuse(problem)
    if form.phone in filled and not form.phone.errors:
        form.phone.data = display_phone(form.phone.data, form.country.data)
    return [field for field in form if field in filled or field is form.tin]
