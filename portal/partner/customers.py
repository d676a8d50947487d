"""Customers: the list, *New customer*, a customer's page."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Blueprint, flash, g, redirect, request, url_for
from flask_babel import get_locale, lazy_gettext
from flask_babel import gettext as _
from wtforms import (
    BooleanField,
    EmailField,
    SelectField,
    StringField,
    TelField,
    TextAreaField,
    ValidationError,
)

from portal import carried, db, web
from portal.domain import access, cloud, contact, customer, invitation, once
from portal.domain.account import BillingAccount
from portal.domain.contact import Malformed
from portal.domain.customer import Customer, Draft, Filter, Status
from portal.domain.errors import Refused
from portal.sentences import sentence

blueprint = Blueprint("customers", __name__, url_prefix="/<id:account_id>/customers")


@blueprint.get("")
def index(account_id: str) -> Any:
    """The list; search, status and place stand in the URL."""
    actor, partner, wanted = web.actor(), g.partner, _wanted()
    rows = customer.page_for(actor, partner, wanted)
    return web.page(
        "partner/customers/index.html",
        fragment="list",
        partner=partner,
        wanted=wanted,
        url=partial(_list_url, account_id, wanted),
        rows=rows[: customer.PAGE],
        next_after=rows[customer.PAGE - 1].id if len(rows) > customer.PAGE else None,
        counts=customer.counts_for(actor, partner),
        statuses=list(Status),
        may_add=access.may(actor, "customer.add", partner),
        may_switch=access.may(actor, "account.switch_to_paid", partner),
    )


def _wanted() -> Filter:
    given = request.args.get("status", "")
    return Filter(
        search=request.args.get("q", "").strip()[:200],
        status=Status(given) if given in set(Status) else None,
        after=request.args.get("after", "")[:20],
    )


def _list_url(account_id: str, wanted: Filter, **changes: Any) -> str:
    """The list with the same filter, from its first page, but for `changes`."""
    kept = {"q": wanted.search or None, "status": wanted.status}
    return url_for("partner.customers.index", account_id=account_id, **{**kept, **changes})


def _shape(form: NewCustomerForm, field: Any) -> None:
    """The field's own rule of the domain; the stored form replaces what was typed."""
    if field.name in ("tin", "phone") and (field.data or "").strip() and form.country.errors:
        raise ValidationError(_("Choose the country first; the number is read by its rules."))
    try:
        field.data = customer.shaped(field.name, field.data or "", form.country.data or "")
    except Malformed as error:
        raise ValidationError(sentence(error.code, error.facts)) from error


class NewCustomerForm(web.CreatingForm):
    """*New customer*; fields in the order of the page, which is the order of its errors."""

    name = StringField(lazy_gettext("Customer name"), [_shape])
    invitation_email = EmailField(lazy_gettext("E-mail of the cloud account"), [_shape])
    country = SelectField(lazy_gettext("Country"), [_shape], validate_choice=False)
    tin = StringField(lazy_gettext("Tax number"), [_shape])
    longname = StringField(lazy_gettext("Legal name"), [_shape])
    phone = TelField(lazy_gettext("Phone"), [_shape])
    email = EmailField(lazy_gettext("Contact e-mail"), [_shape])
    post_code = StringField(lazy_gettext("Post code"), [_shape])
    legal_address = StringField(lazy_gettext("Legal address"), [_shape])
    post_address = StringField(lazy_gettext("Postal address"), [_shape])
    reference = StringField(lazy_gettext("Own reference"), [_shape])
    manager_id = SelectField(lazy_gettext("Account manager"), validate_choice=False)
    description = TextAreaField(lazy_gettext("Description"), [_shape])
    with_cloud = BooleanField(lazy_gettext("Create an empty cloud and folder"), default=True)
    same_tin_is_meant = BooleanField(
        lazy_gettext("Another customer has the same tax number, and that is meant")
    )

    def __init__(self, partner: BillingAccount, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.partner = partner
        countries = contact.countries(str(get_locale()))
        self.country.choices = [("", _("Choose a country")), *countries]
        staff = customer.staff_of(partner)
        self.manager_id.choices = [("", _("Nobody")), *staff]
        for field in (self.country, self.name, self.invitation_email):
            field.flags.required = True

    @property
    def draft(self) -> Draft:
        """What the form says, without the fields that have errors."""
        names = Draft.__dataclass_fields__
        good = {f.name: f.data for f in self if f.name in names and not f.errors}
        return Draft(**good)

    @property
    def is_tin_taken(self) -> bool:
        """Whether to offer the box that says it is meant."""
        return bool(self.same_tin_is_meant.data) or self.has_twin

    has_twin = False

    def passes(self) -> bool:
        """Shape and rules together, so that all errors show at once. A form that has acted is past
        the rules: its own customer would stand in its way, and it gets the same answer again."""
        is_well_formed: bool = self.validate()
        if not self.form_key.errors and once.has_acted(web.actor(), self.form_key.data or ""):
            return is_well_formed
        meant = bool(self.same_tin_is_meant.data)
        found = customer.problems(self.partner, self.draft, same_tin_is_meant=meant)
        for problem in found:
            self.note(problem)
        return is_well_formed and not found

    def note(self, problem: Refused) -> None:
        """Show a refusal at its field."""
        self.has_twin = self.has_twin or problem.code == "tin-taken"
        self.refuse(problem)


@blueprint.route("/add", methods=["GET", "POST"])
def add(account_id: str) -> Any:
    """*New customer* → *Add*."""
    actor, partner = web.actor(), g.partner
    access.require(actor, "customer.add", partner)
    customer.refuse_to_grow(partner)
    form = NewCustomerForm(partner, **carried.shown_again())
    if not form.is_submitted():
        return web.page("partner/customers/add.html", partner=partner, form=form)
    if not form.passes():
        return web.page("partner/customers/add.html", partner=partner, form=form, status=422)
    draft, meant = form.draft, bool(form.same_tin_is_meant.data)
    key, body, partner_id = form.form_key.data or "", form.body(), partner.id

    def unit() -> str:
        fresh = db.lock(BillingAccount, partner_id)
        return once.once(
            actor,
            key,
            body,
            lambda: customer.add(fresh, by=actor, draft=draft, same_tin_is_meant=meant).id,
        )

    try:
        customer_id = db.write(unit)
    except Refused as error:
        form.note(error)
        return web.page("partner/customers/add.html", partner=g.partner, form=form, status=422)
    flash(_("%(name)s is added. The email to them is queued.", name=draft.name), "success")
    return redirect(url_for(".show", account_id=partner_id, customer_id=customer_id), 303)


@blueprint.get("/<id:customer_id>")
def show(account_id: str, customer_id: str) -> Any:
    """*Overview*: record, subaccount, default cloud and folder, invitation with its delivery."""
    record = _find(customer_id)
    ident = record.default_cloud_id
    default_cloud, folder = cloud.default_folder(ident) if ident else (None, None)
    return web.page(
        "partner/customers/show.html",
        fragment="invitation",
        partner=g.partner,
        customer=record,
        cloud=default_cloud,
        folder=folder,
        delivery=invitation.delivery_of(record.subaccount_id),
        answer=invitation.answer_to(record.subaccount_id),
        manager=dict(customer.staff_of(g.partner)).get(record.manager_id or "", ""),
        link=web.external(url_for("invites.show", ident=record.subaccount_id)),
        phone=contact.phone(record.phone, record.country).display if record.phone else "",
    )


@blueprint.get("/<id:customer_id>/history")
def history(account_id: str, customer_id: str) -> Any:
    """*History*: what was done, by whom, newest first."""
    record = _find(customer_id)
    lines = customer.history_of(record)
    return web.page(
        "partner/customers/history.html", partner=g.partner, customer=record, lines=lines
    )


def _find(customer_id: str) -> Customer:
    record = web.find_or_404(Customer, customer_id)
    web.same_or_404(record.partner_id, g.partner.id)
    return record
