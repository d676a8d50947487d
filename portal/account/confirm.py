"""Confirm that it is you: the password once more, before a sensitive action."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, request
from flask_babel import lazy_gettext
from wtforms import PasswordField

from portal import web
from portal.account import authentication
from portal.domain import identity
from portal.domain.errors import Code, Refused

blueprint = Blueprint("confirm", __name__, url_prefix="/sign-in/confirm")
web.gate(blueprint, web.require_sign_in)


class ConfirmForm(web.Form):
    password = PasswordField(lazy_gettext("Password"), [web.REQUIRED])


@blueprint.route("", methods=["GET", "POST"])
def show() -> Any:
    """Ask for the password, and lead back to the page that required it. A form's input is shown
    there again, never executed."""
    actor, target = web.actor(), web.safe_path(request.args.get("next"))
    template, form = "account/confirm.html", ConfirmForm()
    if not form.is_submitted() and identity.has_recent_authentication(actor):
        return redirect(target, 303)
    if not form.validate_on_submit():
        return authentication.form_page(form, template, target=target)
    wrong = Refused(Code.PASSWORD_WRONG, field="password")
    try:
        authentication.authenticate(actor.email, form.password.data or "", wrong=wrong)
    except Refused as error:
        return authentication.form_page(form, template, error, target=target)
    authentication.renew_session(actor)
    return redirect(target, 303)
