"""*New customer*, editing a record, correcting the address it was invited at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import flash, g, redirect, request, url_for
from flask_babel import get_locale, lazy_gettext
from flask_babel import gettext as _
from wtforms import (
    BooleanField,
    EmailField,
    IntegerField,
    SelectField,
    StringField,
    TelField,
    TextAreaField,
    ValidationError,
)
from wtforms.widgets import HiddenInput

from portal import db, web
from portal.domain import access, customers, idempotency, values
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.customers import Customer, Draft, Status
from portal.domain.errors import Code, Refused
from portal.domain.values import Invalid
from portal.partner.customers import blueprint, find, manager_label
from portal.web import form_recovery
from portal.wording.errors import sentence, tax_label


def _shape(form: Any, field: Any) -> None:
    """The field's own rule of the domain; the stored form replaces what was typed. A number that
    no plan known here assigns may be a new one: that is worth a warning."""
    country = (form.country.data or "") if "country" in form else ""
    if field.name in ("tin", "phone") and (field.data or "").strip() and form.country.errors:
        raise ValidationError(_("Choose the country first; the number is read by its rules."))
    try:
        field.data = customers.normalise_field(field.name, field.data or "", country)
    except Invalid as error:
        raise ValidationError(sentence(error.code, error.facts)) from error
    is_phone = field.name == "phone" and field.data
    if is_phone and not values.phone(field.data, country).is_valid:
        field.warning = _("No number like this is known in its country. It can be kept so.")


def displayed(phone: str, country: str) -> str:
    """A phone number as people read it."""
    return values.phone(phone, country).display if phone else ""


class RecordForm(web.CreatingForm):
    """A customer's record; fields in the order of the page, which is the order of its errors."""

    name = StringField(lazy_gettext("Customer name"), [_shape])
    invitation_email = EmailField(
        lazy_gettext("E-mail of the cloud account"),
        [_shape],
        description=lazy_gettext(
            "The invitation is mailed here, and only this account can confirm it."
        ),
    )
    country = SelectField(lazy_gettext("Country"), [_shape], validate_choice=False)
    tin = StringField(lazy_gettext("Tax number"), [_shape])
    longname = StringField(lazy_gettext("Legal name"), [_shape])
    phone = TelField(
        lazy_gettext("Phone"),
        [_shape],
        description=lazy_gettext("As dialled in the country, or with + and the country’s code."),
    )
    email = EmailField(lazy_gettext("Contact e-mail"), [_shape])
    post_code = StringField(lazy_gettext("Post code"), [_shape])
    legal_address = StringField(lazy_gettext("Legal address"), [_shape])
    post_address = StringField(lazy_gettext("Postal address"), [_shape])
    reference = StringField(
        lazy_gettext("Own reference"),
        [_shape],
        description=lazy_gettext("Your number for this customer; no other may have it."),
    )
    manager_id = SelectField(lazy_gettext("Account manager"), validate_choice=False)
    description = TextAreaField(lazy_gettext("Description"), [_shape])
    with_cloud = BooleanField(lazy_gettext("Create an empty cloud and folder"), default=True)
    same_tin_is_meant = BooleanField(
        lazy_gettext("Another customer has the same tax number, and that is meant")
    )
    version = IntegerField(widget=HiddenInput(), default=0)

    has_twin = False

    def __init__(
        self,
        partner: BillingAccount,
        *,
        edited: Customer | None = None,
        like: Customer | None = None,
        **kwargs: Any,
    ) -> None:
        if like is not None:
            shown = vars(_once_more(partner, like))
            kwargs = {"data": shown | {"phone": displayed(like.phone, like.country)}, **kwargs}
        if edited is not None:
            shown = vars(customers.draft_of(edited)) | {"version": edited.version}
            shown["phone"] = displayed(edited.phone, edited.country)
            kwargs = {"data": shown, **kwargs}
        super().__init__(**kwargs)
        self.partner, self.edited = partner, edited
        if edited is not None:
            del self.invitation_email
            del self.with_cloud
        countries = values.countries(str(get_locale()))
        self.country.choices = [("", _("Choose a country")), *countries]
        staff = customers.staff_of(partner)
        self.manager_id.choices = [("", _("Nobody")), *staff]
        manager = customers.manager_of(edited) if edited else None
        if manager and not manager.is_staff:  # else saving would take them off the record
            self.manager_id.choices.append((manager.id, manager_label(manager)))
        for name in ("name", "invitation_email", "country"):
            if name in self:
                self[name].flags.required = True
        self._name_tin()

    def _name_tin(self) -> None:
        """The country decides what its tax number is called, looks like, and whether it must be."""
        country = self.country.data or ""
        self.tin.label.text = tax_label(values.tax_label(country))
        self.tin.flags.required = values.tax_required(country)
        example = values.tax_example(country)
        self.tin.description = _("Such as %(example)s.", example=example) if example else ""
        if not country:
            self.tin.description = _("Required for Russia and Kazakhstan.")

    @property
    def draft(self) -> Draft:
        """What the form says, without the fields that have errors."""
        names = Draft.__dataclass_fields__
        return Draft(**{f.name: f.data for f in self if f.name in names and not f.errors})

    @property
    def is_tin_taken(self) -> bool:
        """Whether to offer the box that says it is meant."""
        return bool(self.same_tin_is_meant.data) or self.has_twin

    def passes(self) -> bool:
        """Shape and rules together, so that all errors show at once. A form that has acted is past
        the rules: its own customer would stand in its way, and it gets the same answer again."""
        is_well_formed = bool(self.validate())
        if not self.form_key.errors and idempotency.has_run(web.actor(), self.form_key.data or ""):
            return is_well_formed
        meant = bool(self.same_tin_is_meant.data)
        found = customers.find_problems(
            self.partner, self.draft, same_tin_is_meant=meant, but=self.edited
        )
        for problem in found:
            self.note(problem)
        return is_well_formed and not found

    def note(self, problem: Refused) -> None:
        """Show a refusal at its field."""
        self.has_twin = self.has_twin or problem.code == Code.TIN_TAKEN
        self.refuse(problem)


def _once_more(partner: BillingAccount, record: Customer) -> Draft:
    """What to begin with where somebody is asked again; another may have the reference by now."""
    draft = customers.draft_of(record)
    return replace(draft, reference="") if customers.find_existing(partner, draft) else draft


@blueprint.route("/add", methods=["GET", "POST"])
def add(account_id: str) -> Any:
    """*New customer* → *Add*; `like`: begins with the record of this customer, to ask again."""
    actor, partner = web.actor(), g.partner
    access.require(actor, Action.CUSTOMER_ADD, partner)
    customers.require_can_add(partner)
    like = find(request.args["like"]) if "like" in request.args else None
    form = RecordForm(partner, like=like, **form_recovery.saved_input())
    if not form.is_submitted() or not form.passes():
        return _add_page(form, like)
    draft, meant = form.draft, bool(form.same_tin_is_meant.data)
    key, body, partner_id = form.form_key.data or "", form.body(), partner.id

    def unit() -> str:
        fresh = db.lock(BillingAccount, partner_id)
        return idempotency.run_once(
            actor,
            key,
            body,
            lambda: customers.add(fresh, by=actor, draft=draft, same_tin_is_meant=meant).id,
        )

    try:
        customer_id = db.write(unit)
    except Refused as error:
        form.note(error)
        return _add_page(form)
    flash(_("%(name)s is added. The email to them is queued.", name=draft.name), "success")
    return redirect(url_for(".show", account_id=partner_id, customer_id=customer_id), 303)


def _add_page(form: RecordForm, like: Customer | None = None) -> Any:
    full = customers.quota_refusal(g.partner)
    return web.page(
        "partner/customers/add.html",
        partner=g.partner,
        form=form,
        like=like,
        full=sentence(full.code, full.facts) if full else "",
        status=422 if form.is_submitted() else 200,
    )


@blueprint.route("/<id:customer_id>/edit", methods=["GET", "POST"])
def edit(account_id: str, customer_id: str) -> Any:
    """*Edit* the record; everything but the invited address."""
    actor, record = web.actor(), find(customer_id)
    access.require(actor, Action.CUSTOMER_EDIT, g.partner)
    form = RecordForm(g.partner, edited=record, **form_recovery.saved_input())
    if not form.is_submitted() or not form.passes():
        return _edit_page(form, record)
    draft, meant = form.draft, bool(form.same_tin_is_meant.data)
    version = form.version.data or 0

    def unit() -> None:
        fresh = db.lock(Customer, customer_id)
        customers.edit(fresh, by=actor, draft=draft, version=version, same_tin_is_meant=meant)

    try:
        db.write(unit)
    except Refused as error:
        form.note(error)
        return _edit_page(form, find(customer_id))
    flash(_("The record is saved."), "success")
    return redirect(url_for(".show", account_id=account_id, customer_id=customer_id), 303)


def _edit_page(form: RecordForm, record: Customer) -> Any:
    status = 422 if form.is_submitted() else 200
    return web.page(
        "partner/customers/edit.html",
        partner=g.partner,
        customer=record,
        form=form,
        is_over=record.status is Status.INACTIVE,
        status=status,
    )


class AddressForm(web.CreatingForm):
    """The address that was meant."""

    invitation_email = RecordForm.invitation_email


@blueprint.route("/<id:customer_id>/correct-address", methods=["GET", "POST"])
def correct_address(account_id: str, customer_id: str) -> Any:
    """*Correct address*, while unconfirmed: the old record is over, a new one has its own mail."""
    actor, record = web.actor(), find(customer_id)
    access.require(actor, Action.CUSTOMER_EDIT, g.partner)
    form = AddressForm(**form_recovery.saved_input())
    form.invitation_email.flags.required = True
    if form.is_submitted() and form.validate():
        email, key = form.invitation_email.data or "", form.form_key.data or ""

        def unit() -> str:
            fresh = db.lock(Customer, customer_id)
            return idempotency.run_once(
                actor,
                key,
                form.body(),
                lambda: customers.correct_address(fresh, by=actor, email=email).id,
            )

        try:
            corrected = db.write(unit)
        except Refused as error:
            form.refuse(error)
        else:
            flash(_("The address is corrected. A new email is queued."), "success")
            return redirect(url_for(".show", account_id=account_id, customer_id=corrected), 303)
    return web.page(
        "partner/customers/correct_address.html",
        partner=g.partner,
        customer=record,
        form=form,
        status=422 if form.is_submitted() else 200,
    )
