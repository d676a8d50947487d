"""Profile: the firm as its customers see it, what its statements name, and its logo."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, g, redirect, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf.file import FileField
from wtforms import (
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
from portal.domain import access, partner_profiles, values
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.errors import Refused
from portal.domain.partner_profiles import PartnerProfile, ProfileDraft
from portal.domain.values import PICTURE_BYTES, Invalid, Picture
from portal.partner import record_fields
from portal.web import form_recovery
from portal.wording.errors import sentence

blueprint = Blueprint("profile", __name__, url_prefix="/<id:account_id>/profile")

FORM_BYTES = 16 * 1024
"""What a form with a logo has beside it."""

_normalise = record_fields.normalise_with(partner_profiles.normalise_field)


class ProfileForm(web.Form):
    """A partner's profile; fields in the order of the page and of its errors."""

    legal_name = StringField(lazy_gettext("Legal name"), [_normalise])
    country = SelectField(lazy_gettext("Country"), [_normalise], validate_choice=False)
    tin = StringField(lazy_gettext("Tax number"), [_normalise])
    contact_person = StringField(lazy_gettext("Contact person"), [_normalise])
    support_email = EmailField(lazy_gettext("Support e-mail"), [_normalise])
    phone = TelField(lazy_gettext("Phone"), [_normalise])
    address = TextAreaField(lazy_gettext("Address"), [_normalise], render_kw={"rows": 3})
    postal_code = StringField(lazy_gettext("Post code"), [_normalise])
    city = StringField(lazy_gettext("City"), [_normalise])
    number_prefix = StringField(
        lazy_gettext("Number prefix"),
        [_normalise],
        description=lazy_gettext(
            "Letters, digits, - and /. It can’t be changed once a statement has a number."
        ),
    )
    version = IntegerField(widget=HiddenInput(), default=0)

    def __init__(self, profile: PartnerProfile | None, **kwargs: Any) -> None:
        if profile is not None:
            data = vars(partner_profiles.draft_of(profile))
            data |= {"phone": profile.display_phone, "version": profile.version}
            kwargs = {"data": data, **kwargs}
        super().__init__(**kwargs)
        for name in partner_profiles.REQUIRED:
            self[name].flags.required = True
        record_fields.offer_countries(self)

    @property
    def draft(self) -> ProfileDraft:
        """The profile that the form holds."""
        return ProfileDraft(**{name: self[name].data for name in ProfileDraft.__dataclass_fields__})


def _require_may_edit() -> None:
    access.require(web.actor(), Action.PARTNER_EDIT_PROFILE, g.partner)


@blueprint.route("", methods=["GET", "POST"])
def edit(account_id: str) -> Any:
    """Show the profile, edited in place, and the logo."""
    _require_may_edit()
    profile = partner_profiles.profile_of(account_id)
    form = ProfileForm(profile, **form_recovery.saved_input())

    def unit() -> None:
        partner, version = db.session.get_one(BillingAccount, account_id), form.version.data or 0
        partner_profiles.edit(partner, by=web.actor(), draft=form.draft, version=version)

    here = url_for(".edit", account_id=account_id)
    if answer := web.submit(form, unit, to=here, success=_("The profile is saved.")):
        return answer
    return web.form_page(form, "partner/profile/edit.html", partner=g.partner, profile=profile)


class LogoForm(web.FileForm):
    """A PNG or JPEG picture."""

    logo = FileField(lazy_gettext("Picture"), render_kw={"accept": "image/png,image/jpeg"})

    picture: Picture

    def __init__(self) -> None:
        error = values.picture_too_large()
        super().__init__(Refused(error.code, field="logo", **error.facts))

    def validate_logo(self, field: FileField) -> None:
        if not field.data:
            raise ValidationError(_("Choose a file."))
        try:
            self.picture = values.picture(field.data.read())
        except Invalid as error:
            raise ValidationError(sentence(error.code, error.facts)) from error


@blueprint.route("/logo", methods=["GET", "POST"])
@web.takes_file(lambda: PICTURE_BYTES + FORM_BYTES)
def set_logo(account_id: str) -> Any:
    """*Set logo*."""
    _require_may_edit()
    form = LogoForm()

    def unit() -> None:
        partner = db.session.get_one(BillingAccount, account_id)
        partner_profiles.set_logo(partner, by=web.actor(), logo=form.picture)

    back = url_for(".edit", account_id=account_id)
    if answer := web.submit(form, unit, to=back, success=_("The logo is set.")):
        return answer
    return web.form_page(form, "partner/profile/logo.html", partner=g.partner)


@blueprint.post("/remove-logo")
def remove_logo(account_id: str) -> Any:
    """*Remove logo*."""
    if not web.Form().validate():
        abort(422)

    def unit() -> None:
        partner = db.session.get_one(BillingAccount, account_id)
        partner_profiles.remove_logo(partner, by=web.actor())

    db.write(unit)
    flash(_("The logo is removed."), "success")
    return redirect(url_for(".edit", account_id=account_id), 303)
