"""Naming clouds and folders: the forms, in the console and in the partner portal."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext
from wtforms import StringField, ValidationError

from portal import web
from portal.domain import clouds, values
from portal.domain.values import Invalid
from portal.wording.errors import sentence


def _one_line(_form: web.Form, field: StringField) -> None:
    try:
        field.data = values.line(field.data or "", limit=clouds.MAX_NAME_LENGTH)
    except Invalid as error:
        raise ValidationError(sentence(error.code, error.facts)) from error


class NameForm(web.Form):
    """A name of a cloud or a folder."""

    name = StringField(lazy_gettext("Name"), [_one_line])

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name.flags.required = True


class NewCloudForm(NameForm, web.CreatingForm):
    """A cloud with its first folder, and the key by which they are created once."""

    folder_name = StringField(
        lazy_gettext("Name of its first folder"), [_one_line], default=clouds.DEFAULT_NAME
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder_name.flags.required = True

    def names(self) -> dict[str, str]:
        """What `cloud.create` asks for."""
        return {"name": self.name.data or "", "folder_name": self.folder_name.data or ""}
