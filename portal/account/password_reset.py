"""Password reset: a link by mail, valid for an hour and for one new password."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import EmailField, PasswordField

from portal import db, tokens, web
from portal.account import authentication
from portal.domain import identity, installation, values
from portal.domain.errors import Refused

blueprint = Blueprint("password_reset", __name__, url_prefix="/forgot")
blueprint.before_request(web.require_text)


class AskForm(web.Form):
    email = EmailField(lazy_gettext("E-mail"), [web.REQUIRED, web.EMAIL])


@blueprint.route("", methods=["GET", "POST"])
def ask() -> Any:
    """Request the link. The answer is the same for every address."""
    form = AskForm()
    if not form.validate_on_submit():
        return authentication.form_page(form, "account/password_reset/ask.html")
    address, network = values.email(form.email.data or ""), web.client_network()

    def unit() -> None:
        identity.count_mail_request(address.key, network=network)
        identity.request_password_reset(address)

    try:
        db.write(unit)
    except Refused as error:
        return authentication.form_page(form, "account/password_reset/ask.html", error)
    session["forgot_as"] = address.display
    return redirect(url_for("password_reset.sent"), 303)


@blueprint.get("/sent")
def sent() -> Any:
    """Say where to look for the mail."""
    return web.page("account/password_reset/sent.html", email=session.get("forgot_as", ""))


class ChooseForm(authentication.NewPasswordForm):
    password = PasswordField(lazy_gettext("New password"), [web.REQUIRED])
    password_again = PasswordField(lazy_gettext("New password, once more"), [web.REQUIRED])


@blueprint.route("/<token>", methods=["GET", "POST"])
def choose(token: str) -> Any:
    """Open the mail's link. GET changes nothing; a new password ends all sessions and signs in.

    Rate limits of sign-in do not apply, so that others cannot lock the reader of the mail out.
    """
    reset_key = tokens.read("password-reset", token, epoch=installation.link_epoch())
    user = identity.user_for_reset(reset_key) if reset_key else None
    if reset_key is None or user is None:
        return web.page("account/password_reset/over.html", status=404)
    form = ChooseForm(user.email, user.name)
    if not form.validate_on_submit():
        return authentication.form_page(
            form, "account/password_reset/choose.html", email=user.email
        )
    user_id, password_hash = user.id, form.hash_password()
    try:
        db.write(
            lambda: identity.reset_password(
                user_id, reset_key=reset_key, password_hash=password_hash
            )
        )
    except Refused as error:
        web.log_refusal(error)
        return web.page("account/password_reset/over.html", status=404)
    authentication.start_session(user_id, password_hash, instead_of=web.actor_or_none())
    flash(_("Your password is changed, and you are signed in."), "success")
    return redirect(url_for("front"), 303)
