"""Forms: CSRF as a field, refusals at their fields, an idempotency key for forms that create."""

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
from portal.domain.errors import Code, Forbidden, ReauthenticationRequired, Refused
from portal.domain.values import Invalid
from portal.web.refusals import log_refusal
from portal.web.surfaces import actor
from portal.wording.errors import sentence
from portal.wording.numbers import read_number

NEVER_SAVED = {"csrf_token", "form_key", "carried", "username"}
is_secret = re.compile("password|secret").search
"""Whether the field with this name holds a secret, which no page gives back."""
REQUIRED = InputRequired(lazy_gettext("Fill this in; it is required."))


def normalise_with(rule: Callable[[str], str]) -> Callable[[Any, Any], None]:
    """Return a validator that puts the input into its stored form by a rule of the domain."""

    def validate(_form: Any, field: Any) -> None:
        try:
            field.data = rule(field.data or "")
        except Invalid as error:
            raise ValidationError(sentence(error.code, error.facts)) from error

    return validate


def number(places: int, code: Code, *, unit: str = "") -> Callable[[Any, Any], None]:
    """Return a validator that keeps a number with up to `places` decimals, and maybe its unit, as
    the form's `value`, or says the sentence of the code."""

    def validate(form: Any, field: Any) -> None:
        try:
            form.value = read_number((field.data or "").strip().removesuffix(unit), places=places)
        except Refused as error:
            raise ValidationError(sentence(error.code, error.facts)) from error
        if form.value is None:
            raise ValidationError(sentence(code, {}))

    return validate


EMAIL = normalise_with(lambda value: values.email(value).display)


class Form(FlaskForm):  # type: ignore[misc]
    """A form that checks its CSRF token as a field and keeps all input when that fails."""

    refusal: Refused | None = None
    """The last refusal shown in the form."""

    @property
    def status(self) -> int:
        """HTTP status of a page that shows the form: 200, or 422 after the form was sent."""
        return 422 if self.is_submitted() else 200

    def is_refused_with(self, code: Code) -> bool:
        """Whether the last refusal shown in the form has this code."""
        return self.refusal is not None and self.refusal.code == code

    def run(self, unit: Callable[[], Any]) -> Any:
        """Run the form's unit of work; return its result. Raises Refused."""
        return db.write(unit)

    def refuse(self, error: Refused) -> None:
        """Show the sentence of a refusal at its field, or above the form. Raises Forbidden and
        ReauthenticationRequired, which have their own pages."""
        if isinstance(error, (Forbidden, ReauthenticationRequired)):
            raise error
        log_refusal(error)
        self.refusal = error
        text = sentence(error.code, error.facts)
        field = self._fields.get(error.field or "")
        if field is not None:
            field.errors = [*field.errors, text]
        else:
            self.form_errors: list[str] = [*self.form_errors, text]


class FileForm(Form):
    """A form that carries files, for a view that `takes_file`. A body that is too large is not read
    and refused with `too_large`."""

    def __init__(self, too_large: Refused) -> None:
        self.too_large = too_large
        most = request.max_content_length or 0
        self.is_too_large = (request.content_length or 0) > most
        super().__init__(**({"formdata": None} if self.is_too_large else {}))

    def validate(self, extra_validators: Any = None) -> bool:
        """Refuse what is too large before its fields, which are missing then."""
        if self.is_too_large:
            self.refuse(self.too_large)
        return not self.is_too_large and bool(super().validate(extra_validators))


class CreatingForm(Form):
    """A form that takes effect once, however often it is sent."""

    acts_once = True
    """False for a form that edits, where it shares its class with one that creates."""

    form_key = HiddenField(default=lambda: secrets.token_urlsafe(16))

    def validate_form_key(self, field: HiddenField) -> None:
        """Check the sent key; `field.data` would fall back to a new random one."""
        if not field.raw_data or not re.fullmatch(r"[\w-]{16,64}", field.raw_data[0]):
            raise ValidationError(_("Reload this page."))

    @property
    def has_acted(self) -> bool:
        """Whether this form was sent before and took effect."""
        return not self.form_key.errors and idempotency.has_run(actor(), self.form_key.data or "")

    def run(self, unit: Callable[[], Any]) -> Any:
        """Run the unit of work unless the form has acted; return the result of the first run."""
        if not self.acts_once:
            return super().run(unit)
        body = self.body()
        return db.write(lambda: idempotency.run_once(actor(), self.form_key.data or "", body, unit))

    def body(self) -> dict[str, Any]:
        """Return the sent fields and the path, without the tokens of this rendering."""
        fields = {name: value for name, value in self.data.items() if name not in NEVER_SAVED}
        return fields | {"path": request.path}
