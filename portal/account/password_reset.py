"""Password reset: a link by mail, valid for an hour and for one new password."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, session, url_for
from flask_babel import lazy_gettext
from wtforms import EmailField, PasswordField

from portal import tokens, web
from portal.account import authentication
from portal.domain import identity, installation, values

blueprint = Blueprint("password_reset", __name__, url_prefix="/forgot")
blueprint.before_request(web.require_text)


class AskForm(web.Form):
    email = EmailField(lazy_gettext("E-mail"), [web.REQUIRED, web.EMAIL])


@blueprint.route("", methods=["GET", "POST"])
def ask() -> Any:
    """Request the link. The answer is the same for every address."""
    form = AskForm()

    def unit() -> None:
        address = values.email(form.email.data or "")
        identity.count_mail_request(address.key, network=web.client_network())
        identity.request_password_reset(address)

    if answer := web.submit(form, unit, to=url_for("password_reset.sent")):
        session["forgot_as"] = form.email.data
        return answer
    return authentication.form_page(form, "account/password_reset/ask.html")


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
    Rate limits of sign-in do not apply: others can't lock the reader of the mail out."""
    key = tokens.read("password-reset", token, epoch=installation.link_epoch()) or ""
    user = identity.user_for_reset(key) if key else None
    if user is None:
        return _over_page()
    form, user_id = ChooseForm(user.email, user.name), user.id

    def unit(password_hash: str) -> str:
        identity.reset_password(user_id, reset_key=key, password_hash=password_hash)
        return user_id

    front, done = url_for("front"), lazy_gettext("Your password is changed, and you are signed in.")
    if answer := authentication.submit_new_password(form, unit, to=front, success=done):
        return answer
    if form.refusal:
        return _over_page()
    return authentication.form_page(form, "account/password_reset/choose.html", email=user.email)


def _over_page() -> Any:
    return web.page("account/password_reset/over.html", status=404)
