"""Fields of firms that depend on their country: phone and tax number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_babel import get_locale
from flask_babel import gettext as _
from wtforms import ValidationError

from portal.domain import values
from portal.domain.values import Invalid
from portal.wording.errors import sentence, tax_label


def normalise_with(normalise_field: Callable[[str, str, str], str]) -> Callable[[Any, Any], None]:
    """Return a validator that puts the input into its stored form by the domain's rule for a field,
    value and country. A phone number of no known numbering plan gets a warning, since the plan may
    be new."""

    def validate(form: Any, field: Any) -> None:
        country = (form.country.data or "") if "country" in form else ""
        if field.name in ("tin", "phone") and (field.data or "").strip() and form.country.errors:
            raise ValidationError(_("Choose the country first; the number is read by its rules."))
        try:
            field.data = normalise_field(field.name, field.data or "", country)
        except Invalid as error:
            raise ValidationError(sentence(error.code, error.facts)) from error
        is_phone = field.name == "phone" and field.data
        if is_phone and not values.phone(field.data, country).is_valid:
            field.warning = _("No number like this is known in its country. It can be kept so.")

    return validate


def offer_countries(form: Any) -> None:
    """Set the choices of the country, and label, example and requirement of the tax number by
    it."""
    form.country.choices = [("", _("Choose a country")), *values.countries(str(get_locale()))]
    country = form.country.data or ""
    form.tin.label.text = tax_label(values.tax_label(country))
    form.tin.flags.required = values.is_tax_number_required(country)
    example = values.tax_example(country)
    form.tin.description = _("Such as %(example)s.", example=example) if example else ""
    if not country:
        form.tin.description = _("Required for Russia and Kazakhstan.")


def display_phone(phone: str, country: str) -> str:
    """Return the phone number in the form that people read; empty without one."""
    return values.phone(phone, country).display if phone else ""
