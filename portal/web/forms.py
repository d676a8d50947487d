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

from portal import db
from portal.domain import idempotency, values
from portal.domain.errors import Forbidden, Refused
from portal.domain.values import Invalid
from portal.web.gates import actor
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

    refusal: Refused | None = None
    """The last refusal that is shown in the form."""

    @property
    def status(self) -> int:
        """HTTP status of a page that shows the form: 200, or 422 where it was sent in vain."""
        return 422 if self.is_submitted() else 200

    def run(self, unit: Callable[[], Any]) -> Any:
        """Run the form's unit of work; return its result. Raises Refused."""
        return db.write(unit)

    def refuse(self, error: Refused) -> None:
        """Put the sentence of a refusal at its field, or above the form. A role too weak is not the
        form's matter; it has a page of its own."""
        if isinstance(error, Forbidden):
            raise error
        self.refusal = error
        text = sentence(error.code, error.facts)
        field = self._fields.get(error.field or "")
        if field is not None:
            field.errors = [*field.errors, text]
        else:
            self.form_errors: list[str] = [*self.form_errors, text]


class CreatingForm(Form):
    """A form whose effect happens once, however often it is sent."""

    acts_once = True
    """False for a form that shares its class with one that creates, but changes what exists."""

    form_key = HiddenField(default=lambda: secrets.token_urlsafe(16))

    def validate_form_key(self, field: HiddenField) -> None:
        """Only what was sent counts: the default is another key at each reading."""
        if not field.raw_data or not re.fullmatch(r"[\w-]{16,64}", field.raw_data[0]):
            raise ValidationError(_("Load this page anew."))

    @property
    def has_acted(self) -> bool:
        """Whether this form, sent before, had its effect."""
        return not self.form_key.errors and idempotency.has_run(actor(), self.form_key.data or "")

    def run(self, unit: Callable[[], Any]) -> Any:
        """Run the unit of work unless the form has acted; return its result either way."""
        if not self.acts_once:
            return super().run(unit)
        body = self.body()
        return db.write(lambda: idempotency.run_once(actor(), self.form_key.data or "", body, unit))

    def body(self) -> dict[str, Any]:
        """What was asked for, without the tokens of this one rendering."""
        asked = {name: value for name, value in self.data.items() if name not in NEVER_SAVED}
        return asked | {"path": request.path}
