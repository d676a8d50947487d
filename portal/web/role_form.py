"""The form to choose a role on an account or a cloud."""

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
    """A role on an account or a cloud; `roles` are those that the signed-in user may give."""

    role = SelectField(
        lazy_gettext("Role"),
        [InputRequired(lazy_gettext("Choose one of these roles."))],
        validate_choice=False,
    )

    def __init__(self, roles: Sequence[AccountRole | CloudRole], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.valid_roles = set(type(roles[0]))
        self.role.choices = [(role, labels.role(role)) for role in roles]

    def validate_role(self, field: SelectField) -> None:
        """Check that the role exists; the domain decides whether it may be given."""
        if field.data not in self.valid_roles:
            raise ValidationError(_("Choose one of these roles."))


def initial_role(role: AccountRole | CloudRole) -> dict[str, Any]:
    """Return the keyword arguments of a form that shows this role first."""
    return {"data": {"role": role}, **form_recovery.saved_input()}
