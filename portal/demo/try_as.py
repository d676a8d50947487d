"""*Try as*: sign in as one of the demonstration's people, on this machine only."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, request
from flask_babel import gettext as _

from portal import web
from portal.account.sign_in import SignInForm, sign_in_with
from portal.demo.people import PASSWORD, PEOPLE, exist

blueprint = Blueprint("try_as", __name__)
web.gate(blueprint, web.require_local_request)


@blueprint.app_template_global("people_to_try")
def people_to_try() -> list[tuple[str, str, str]]:
    """Address, name and description of each person; empty without the demonstration's data, or for
    a request from another machine."""
    if not (web.is_local_request() and exist()):
        return []
    return [(email, name, _(description)) for email, (name, description) in PEOPLE.items()]


@blueprint.post("/try-as")
def sign_in() -> Any:
    """*Try as*: sign in as this person with the password that the terminal shows."""
    email, target = request.form.get("person", ""), web.safe_path(request.form.get("next"))
    if email not in PEOPLE or not exist():
        abort(404)
    if not web.Form().validate():
        abort(422)
    carried = request.form.get("carried", "")
    form = SignInForm(formdata=None, email=email, next=target, carried=carried)
    return sign_in_with(form, email, PASSWORD)
