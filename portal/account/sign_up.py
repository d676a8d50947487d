"""Sign up: request an account, verify its address, choose a password."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import EmailField, HiddenField, PasswordField, StringField

from portal import db, tokens, web
from portal.account import authentication
from portal.account.blueprint import blueprint
from portal.domain import identity, installation, policy, values, workflows
from portal.domain.errors import Refused
from portal.i18n import languages


class SignUpForm(web.Form):
    name = StringField(lazy_gettext("Your name"), [web.REQUIRED, web.normalise_with(values.line)])
    email = EmailField(lazy_gettext("E-mail"), [web.REQUIRED, web.EMAIL])
    next = HiddenField()


@blueprint.route("/sign-up", methods=["GET", "POST"])
def sign_up() -> Any:
    """Request an account. The answer is the same for every address; the rest goes by mail."""
    form = SignUpForm()
    sign_up_policy = policy.current().sign_up
    if not form.is_submitted():
        form.next.data = web.safe_path(request.args.get("next"))
    if not form.validate_on_submit():
        return authentication.form_page(form, "account/sign_up.html", policy=sign_up_policy)
    address = values.email(form.email.data or "")
    name, target = form.name.data or "", web.safe_path(form.next.data)
    language, network = languages.page_language(), web.client_network()

    def unit() -> None:
        workflows.sign_up(address, name=name, next_path=target, language=language, network=network)

    try:
        db.write(unit)
    except Refused as error:
        return authentication.form_page(form, "account/sign_up.html", error, policy=sign_up_policy)
    session["signed_up_as"] = address.display
    return redirect(url_for("auth.sign_up_sent"), 303)


@blueprint.get("/sign-up/sent")
def sign_up_sent() -> Any:
    """Say where to look for the mail."""
    return web.page(
        "account/sign_up_sent.html",
        email=session.get("signed_up_as", ""),
        policy=policy.current().sign_up,
    )


class VerifyForm(authentication.NewPasswordForm):
    name = StringField(lazy_gettext("Your name"), [web.REQUIRED, web.normalise_with(values.line)])
    password = PasswordField(lazy_gettext("Password"), [web.REQUIRED])
    password_again = PasswordField(lazy_gettext("Password, once more"), [web.REQUIRED])


@blueprint.route("/verify/<token>", methods=["GET", "POST"])
def verify(token: str) -> Any:
    """Open the mail's link. GET changes nothing; choosing a password creates the account."""
    sign_up_id = tokens.read("verification", token, epoch=installation.link_epoch())
    pending = identity.pending_sign_up(sign_up_id) if sign_up_id else None
    if pending is None:
        return web.page("account/link_over.html", status=404)
    form = VerifyForm(pending.email, name=pending.name)
    form.about += (form.name.data or "",)  # as it is sent
    pending_id, target = pending.id, pending.next_path
    if not form.validate_on_submit():
        return authentication.form_page(form, "account/verify.html", email=pending.email)
    name, password_hash = form.name.data or "", form.hash_password()
    language = languages.page_language()

    def unit() -> str:
        user = workflows.complete_sign_up(
            pending_id, name=name, password_hash=password_hash, language=language
        )
        return user.id

    try:
        user_id = db.write(unit)
    except Refused as error:
        web.log_refusal(error)
        return redirect(url_for("auth.sign_in", next=target), 303)
    authentication.start_session(user_id, password_hash, instead_of=web.actor_or_none())
    flash(_("Your address is verified and your account is ready."), "success")
    return redirect(target, 303)
