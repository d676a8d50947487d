"""Submit a form: validate it, run its unit of work once, flash and redirect; or show its page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect
from werkzeug.wrappers import Response

from portal.domain.errors import Refused
from portal.web.forms import Form
from portal.web.pages import htmx_redirect, is_partial, page

Text = str | Callable[[Any], str]


def submit(form: Form, unit: Callable[[], Any], *, to: Text, success: Text = "") -> Response | None:
    """Return the redirect to `to` after the form's unit of work, or None to show the form: it was
    not sent, is invalid, or was refused and shows why.

    `db.write` runs `unit`; for a `CreatingForm` once, however often the form is sent. `to` (a URL)
    and `success` (the message to flash) may be functions of the unit's result. Raises as
    `Form.refuse`.
    """
    if not form.is_submitted() or not form.validate():
        return None
    try:
        result = form.run(unit)
    except Refused as error:
        form.refuse(error)
        return None
    if success:
        flash(_resolve(success, result), "success")
    target = _resolve(to, result)
    return htmx_redirect(target) if is_partial() else redirect(target, 303)


def form_page(form: Form, template: str, *, fragment: str | None = None, **context: Any) -> Any:
    """Return body and status of a page that shows `form`: 200 when opened, 422 with errors."""
    return page(template, fragment=fragment, form=form, status=form.status, **context)


def _resolve(text: Text, result: object) -> str:
    return text(result) if callable(text) else text
