"""*New customer*, editing a record, correcting the address it was invited at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import g, request, url_for
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
from portal.domain import access, customers, values
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.customers import Customer, Draft, Status
from portal.domain.errors import Code, Refused
from portal.domain.values import Invalid
from portal.partner.customers.blueprint import blueprint, find
from portal.partner.customers.filters import manager_label
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
        self.acts_once = edited is None  # an edit is guarded by the record's version
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

    def validate(self, extra_validators: Any = None) -> bool:
        """Shape and rules together, so that all errors show at once."""
        is_well_formed = bool(super().validate(extra_validators))
        meant = bool(self.same_tin_is_meant.data)
        found = customers.find_problems(
            self.partner, self.draft, same_tin_is_meant=meant, but=self.edited
        )
        # Asked after the rules: what they found may be the form's own customer, even of a moment
        # ago; then it gets the same answer again.
        if found and self.has_acted:
            return is_well_formed
        for problem in found:
            self.refuse(problem)
        return is_well_formed and not found

    def refuse(self, error: Refused) -> None:
        """Show a refusal at its field."""
        self.has_twin = self.has_twin or error.code == Code.TIN_TAKEN
        super().refuse(error)


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

    def unit() -> str:
        fresh, meant = (
            db.session.get_one(BillingAccount, account_id),
            bool(form.same_tin_is_meant.data),
        )
        return customers.add(fresh, by=actor, draft=form.draft, same_tin_is_meant=meant).id

    if answer := web.submit(
        form,
        unit,
        to=lambda ident: url_for(".show", account_id=account_id, customer_id=ident),
        success=lambda _ident: _(
            "%(name)s is added. The email to them is queued.", name=form.draft.name
        ),
    ):
        return answer
    full = customers.quota_refusal(partner)
    return web.page(
        "partner/customers/add.html",
        partner=partner,
        form=form,
        like=like,
        full=sentence(full.code, full.facts) if full else "",
        status=form.status,
    )


@blueprint.route("/<id:customer_id>/edit", methods=["GET", "POST"])
def edit(account_id: str, customer_id: str) -> Any:
    """*Edit* the record; everything but the invited address."""
    actor, record = web.actor(), find(customer_id)
    access.require(actor, Action.CUSTOMER_EDIT, g.partner)
    form = RecordForm(g.partner, edited=record, **form_recovery.saved_input())

    def unit() -> None:
        fresh, meant = db.session.get_one(Customer, customer_id), bool(form.same_tin_is_meant.data)
        version = form.version.data or 0
        customers.edit(fresh, by=actor, draft=form.draft, version=version, same_tin_is_meant=meant)

    back = url_for(".show", account_id=account_id, customer_id=customer_id)
    if answer := web.submit(form, unit, to=back, success=_("The record is saved.")):
        return answer
    return web.page(
        "partner/customers/edit.html",
        partner=g.partner,
        customer=record,
        form=form,
        is_over=record.status is Status.INACTIVE,
        status=form.status,
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

    def unit() -> str:
        fresh, email = db.session.get_one(Customer, customer_id), form.invitation_email.data or ""
        return customers.correct_address(fresh, by=actor, email=email).id

    if answer := web.submit(
        form,
        unit,
        to=lambda ident: url_for(".show", account_id=account_id, customer_id=ident),
        success=_("The address is corrected. A new email is queued."),
    ):
        return answer
    return web.page(
        "partner/customers/correct_address.html",
        partner=g.partner,
        customer=record,
        form=form,
        status=form.status,
    )
