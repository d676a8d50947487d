"""*New customer*, *Edit* a customer's record, *Correct address* of its invitation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import (
    BooleanField,
    EmailField,
    IntegerField,
    SelectField,
    StringField,
    TelField,
    TextAreaField,
)
from wtforms.widgets import HiddenInput

from portal import db, web
from portal.domain import access, customers
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.customers import Customer, Draft, Status
from portal.domain.errors import Code, Refused
from portal.partner import record_fields
from portal.partner.customers.blueprint import blueprint, customer_url, find, require_may_add
from portal.partner.customers.filters import manager_label
from portal.web import form_recovery

_validate_field = record_fields.normalise_with(customers.normalise_field)


class RecordForm(web.CreatingForm):
    """A customer's record, to add or to edit; fields in the order of the page and of its errors."""

    name = StringField(lazy_gettext("Customer name"), [_validate_field])
    invitation_email = EmailField(
        lazy_gettext("E-mail of the cloud account"),
        [_validate_field],
        description=lazy_gettext(
            "The invitation is mailed here, and only this account can confirm it."
        ),
    )
    country = SelectField(lazy_gettext("Country"), [_validate_field], validate_choice=False)
    tin = StringField(lazy_gettext("Tax number"), [_validate_field])
    longname = StringField(lazy_gettext("Legal name"), [_validate_field])
    phone = TelField(
        lazy_gettext("Phone"),
        [_validate_field],
        description=lazy_gettext("As dialled in the country, or with + and the country’s code."),
    )
    email = EmailField(lazy_gettext("Contact e-mail"), [_validate_field])
    post_code = StringField(lazy_gettext("Post code"), [_validate_field])
    legal_address = StringField(lazy_gettext("Legal address"), [_validate_field])
    post_address = StringField(lazy_gettext("Postal address"), [_validate_field])
    reference = StringField(
        lazy_gettext("Own reference"),
        [_validate_field],
        description=lazy_gettext("Your number for this customer; no other may have it."),
    )
    manager_id = SelectField(lazy_gettext("Account manager"), validate_choice=False)
    description = TextAreaField(lazy_gettext("Description"), [_validate_field])
    with_cloud = BooleanField(lazy_gettext("Create an empty cloud and folder"), default=True)
    same_tin_is_meant = BooleanField(
        lazy_gettext("Another customer has the same tax number, and that is meant")
    )
    version = IntegerField(widget=HiddenInput(), default=0)

    is_tin_taken = False

    def __init__(
        self,
        partner: BillingAccount,
        *,
        customer: Customer | None = None,
        original: Customer | None = None,
        **kwargs: Any,
    ) -> None:
        if original is not None:
            data = vars(_draft_from(partner, original))
            data = data | {"phone": record_fields.display_phone(original.phone, original.country)}
            kwargs = {"data": data, **kwargs}
        if customer is not None:
            data = vars(customers.draft_of(customer)) | {"version": customer.version}
            data["phone"] = record_fields.display_phone(customer.phone, customer.country)
            kwargs = {"data": data, **kwargs}
        super().__init__(**kwargs)
        self.partner, self.customer = partner, customer
        self.acts_once = customer is None  # an edit is guarded by the version
        if customer is not None:
            del self.invitation_email
            del self.with_cloud
        staff = customers.staff_of(partner)
        self.manager_id.choices = [("", _("Nobody")), *staff]
        manager = customers.manager_of(customer) if customer else None
        if manager and not manager.is_staff:  # or saving would remove them
            self.manager_id.choices.append((manager.id, manager_label(manager)))
        for name in ("name", "invitation_email", "country"):
            if name in self:
                self[name].flags.required = True
        record_fields.offer_countries(self)

    @property
    def draft(self) -> Draft:
        """The record that the form holds, without the fields that have errors."""
        names = Draft.__dataclass_fields__
        fields = [field for field in self if field.name in names and not field.errors]
        return Draft(**{field.name: field.data for field in fields})

    def record(self) -> dict[str, Any]:
        """Return the keyword arguments of `customers.add` and `customers.edit`."""
        return {"draft": self.draft, "same_tin_is_meant": bool(self.same_tin_is_meant.data)}

    @property
    def has_same_tin_checkbox(self) -> bool:
        """Whether to show the checkbox that allows a tax number of another customer."""
        return bool(self.same_tin_is_meant.data) or self.is_tin_taken

    def validate(self, extra_validators: Any = None) -> bool:
        """Check the fields' shapes and the domain's rules, so that all errors show at once."""
        is_well_formed = bool(super().validate(extra_validators))
        problems = customers.find_problems(self.partner, **self.record(), current=self.customer)
        # After the rules: the first sending of this form may have added the customer that they
        # report, even just now; `submit` then returns its result again.
        if problems and self.has_acted:
            return is_well_formed
        for problem in problems:
            self.refuse(problem)
        return is_well_formed and not problems

    def refuse(self, error: Refused) -> None:
        """Show a refusal at its field, and the checkbox where the tax number is taken."""
        self.is_tin_taken = self.is_tin_taken or error.code == Code.TIN_TAKEN
        super().refuse(error)


def _draft_from(partner: BillingAccount, customer: Customer) -> Draft:
    """Return the record of a customer to invite again; without its reference if that is in use."""
    draft = customers.draft_of(customer)
    return replace(draft, reference="") if customers.find_existing(partner, draft) else draft


@blueprint.route("/add", methods=["GET", "POST"])
def add(account_id: str) -> Any:
    """*Add* a customer; the parameter `like` is the ID of a customer to invite again."""
    actor, partner = web.actor(), g.partner
    require_may_add()
    original = find(request.args["like"]) if "like" in request.args else None
    form = RecordForm(partner, original=original, **form_recovery.saved_input())

    def unit() -> str:
        partner = db.session.get_one(BillingAccount, account_id)
        return customers.add(partner, by=actor, **form.record()).id

    def success(_new_id: str) -> str:
        return str(_("%(name)s is added. The email to them is queued.", name=form.draft.name))

    if answer := web.submit(form, unit, to=customer_url, success=success):
        return answer
    refusal = customers.quota_refusal(partner)
    return web.form_page(
        form, "partner/customers/add.html", partner=partner, original=original, refusal=refusal
    )


@blueprint.route("/<id:customer_id>/edit", methods=["GET", "POST"])
def edit(account_id: str, customer_id: str) -> Any:
    """*Edit* the record, all fields but the invited address."""
    actor, customer = web.actor(), find(customer_id)
    access.require(actor, Action.CUSTOMER_EDIT, g.partner)
    form = RecordForm(g.partner, customer=customer, **form_recovery.saved_input())

    def unit() -> None:
        current, version = db.session.get_one(Customer, customer_id), form.version.data or 0
        customers.edit(current, by=actor, version=version, **form.record())

    back = customer_url(customer_id)
    if answer := web.submit(form, unit, to=back, success=_("The record is saved.")):
        return answer
    return web.form_page(
        form,
        "partner/customers/edit.html",
        partner=g.partner,
        customer=customer,
        is_over=customer.status is Status.INACTIVE,
    )


class AddressForm(web.CreatingForm):
    """The correct address for the invitation."""

    invitation_email = RecordForm.invitation_email


@blueprint.route("/<id:customer_id>/correct-address", methods=["GET", "POST"])
def correct_address(account_id: str, customer_id: str) -> Any:
    """*Correct address* of an open invitation: end this record, and add one with its own mail."""
    actor, customer = web.actor(), find(customer_id)
    access.require(actor, Action.CUSTOMER_EDIT, g.partner)
    form = AddressForm(**form_recovery.saved_input())
    form.invitation_email.flags.required = True

    def unit() -> str:
        current, email = db.session.get_one(Customer, customer_id), form.invitation_email.data or ""
        return customers.correct_address(current, by=actor, email=email).id

    success = _("The address is corrected. A new email is queued.")
    if answer := web.submit(form, unit, to=customer_url, success=success):
        return answer
    return web.form_page(
        form, "partner/customers/correct_address.html", partner=g.partner, customer=customer
    )
