"""Giving roles: the form in which one is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import SelectField, ValidationError
from wtforms.validators import InputRequired

from portal import web
from portal.domain.access import AccountRole, CloudRole
from portal.web import form_recovery
from portal.wording import labels


class RoleForm(web.Form):
    """A role on an account or a cloud; `offered` are those that the signed-in person may give."""

    role = SelectField(
        lazy_gettext("Role"),
        [InputRequired(lazy_gettext("Choose one of these roles."))],
        validate_choice=False,
    )

    def __init__(self, offered: Sequence[AccountRole | CloudRole], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.known = set(type(offered[0]))
        self.role.choices = [(role, labels.role(role)) for role in offered]

    def validate_role(self, field: SelectField) -> None:
        """One that exists; whether it may be given the domain says."""
        if field.data not in self.known:
            raise ValidationError(_("Choose one of these roles."))


def initial_role(role: AccountRole | CloudRole) -> dict[str, Any]:
    """What a form is built with that shows this role at first."""
    return {"data": {"role": role}, **form_recovery.saved_input()}
