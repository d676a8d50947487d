"""Submit: a sent form runs its unit of work once, flashes what was done, and leads on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect
from werkzeug.wrappers import Response

from portal.domain.errors import Refused
from portal.web.forms import Form
from portal.web.pages import htmx_redirect, is_partial

Text = str | Callable[[Any], str]


def submit(form: Form, unit: Callable[[], Any], *, to: Text, success: Text = "") -> Response | None:
    """The redirect to `to` after the form's unit of work; None where the form is to be shown: it
    is not sent, is invalid, or was refused and has the reason among its errors.

    `unit` is run by `db.write`, and of a `CreatingForm` once however often it is sent. `to` (a URL)
    and `success` (the message to flash) may be functions of the unit's result, called after it.
    Raises Forbidden.
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


def _resolve(text: Text, result: object) -> str:
    return text(result) if callable(text) else text
