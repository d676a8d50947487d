"""Forms to name clouds and folders, in the console and in the partner portal."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext
from wtforms import StringField, ValidationError

from portal import db, web
from portal.domain import clouds, values
from portal.domain.values import Invalid
from portal.wording import clouds as cloud_wording
from portal.wording.errors import sentence


def _validate_name(_form: web.Form, field: StringField) -> None:
    try:
        field.data = values.line(field.data or "", limit=clouds.MAX_NAME_LENGTH)
    except Invalid as error:
        raise ValidationError(sentence(error.code, error.facts)) from error


class NameForm(web.Form):
    """The name of a cloud or a folder."""

    name = StringField(lazy_gettext("Name"), [_validate_name])

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name.flags.required = True


class NewCloudForm(NameForm, web.CreatingForm):
    """The names of a new cloud and, where its kind has folders, of the first one."""

    folder_name = StringField(
        lazy_gettext("Name of its first folder"), [_validate_name], default=clouds.DEFAULT_NAME
    )

    def __init__(self, *, has_folders: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if has_folders:
            self.folder_name.flags.required = True
        else:
            del self.folder_name

    def names(self) -> dict[str, str]:
        """Return the keyword arguments of `clouds.create`: `name`, and `folder_name` if asked."""
        names = {"name": self.name, "folder_name": self.folder_name}
        return {name: field.data or "" for name, field in names.items() if field}


def created(cloud_id: str, form: NewCloudForm) -> str:
    """Return the message after *Create cloud*."""
    progress = db.read(lambda: clouds.progress_for([cloud_id])[cloud_id])
    return cloud_wording.created(progress, form.name.data or "")
