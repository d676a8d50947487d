"""Forms: CSRF as a field, refusals at their fields, an idempotency key for what acts once."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import HiddenField
from wtforms.validators import InputRequired, ValidationError

from portal.domain import values
from portal.domain.errors import Forbidden, Refused
from portal.domain.values import Invalid
from portal.wording.errors import sentence

NEVER_SAVED = {"csrf_token", "form_key", "carried"}
REQUIRED = InputRequired(lazy_gettext("Fill this in; it is required."))


def normalised_by(rule: Callable[[str], str]) -> Callable[[Any, Any], None]:
    """A validator: what was typed takes its stored form, by a rule of the domain."""

    def validate(_form: Any, field: Any) -> None:
        try:
            field.data = rule(field.data or "")
        except Invalid as error:
            raise ValidationError(sentence(error.code, error.facts)) from error

    return validate


ADDRESS = normalised_by(lambda value: values.email(value).display)


class Form(FlaskForm):  # type: ignore[misc]
    """A form that checks its CSRF token as a field and keeps all input when that fails."""

    def refuse(self, error: Refused) -> None:
        """Put the sentence of a refusal at its field, or above the form. A role too weak is not the
        form's matter; it has a page of its own."""
        if isinstance(error, Forbidden):
            raise error
        text = sentence(error.code, error.facts)
        field = self._fields.get(error.field or "")
        if field is not None:
            field.errors = [*field.errors, text]
        else:
            self.form_errors: list[str] = [*self.form_errors, text]


class CreatingForm(Form):
    """A form whose effect happens once, however often it is sent."""

    form_key = HiddenField(default=lambda: secrets.token_urlsafe(16))

    def validate_form_key(self, field: HiddenField) -> None:
        """Only what was sent counts: the default is another key at each reading."""
        if not field.raw_data or not re.fullmatch(r"[\w-]{16,64}", field.raw_data[0]):
            raise ValidationError(_("Load this page anew."))

    def body(self) -> dict[str, Any]:
        """What was asked for, without the tokens of this one rendering."""
        asked = {name: value for name, value in self.data.items() if name not in NEVER_SAVED}
        return asked | {"path": request.path}
