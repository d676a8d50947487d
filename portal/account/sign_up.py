"""Sign up: request an account, verify its address, choose a password."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, session, url_for
from flask_babel import lazy_gettext
from wtforms import EmailField, HiddenField, PasswordField, StringField

from portal import tokens, web
from portal.account import authentication
from portal.account.blueprint import blueprint
from portal.domain import identity, installation, policy, values, workflows
from portal.i18n import languages


class SignUpForm(web.Form):
    name = StringField(lazy_gettext("Your name"), [web.REQUIRED, web.normalise_with(values.line)])
    email = EmailField(lazy_gettext("E-mail"), [web.REQUIRED, web.EMAIL])
    next = HiddenField()


@blueprint.route("/sign-up", methods=["GET", "POST"])
def sign_up() -> Any:
    """Request an account. The answer is the same for every address; the rest goes by mail."""
    form = SignUpForm()
    if not form.is_submitted():
        form.next.data = web.safe_path(request.args.get("next"))
    reader = {"language": languages.page_language(), "network": web.client_network()}

    def unit() -> None:
        address, target = values.email(form.email.data or ""), web.safe_path(form.next.data)
        workflows.sign_up(address, name=form.name.data or "", next_path=target, **reader)

    if answer := web.submit(form, unit, to=url_for("auth.sign_up_sent")):
        session["signed_up_as"] = form.email.data
        return answer
    sign_up_policy = policy.current().sign_up
    return authentication.form_page(form, "account/sign_up.html", policy=sign_up_policy)


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
    sign_up_id = tokens.read("verification", token, epoch=installation.link_epoch()) or ""
    pending = identity.pending_sign_up(sign_up_id) if sign_up_id else None
    if pending is None:
        return web.page("account/link_over.html", status=404)
    form = VerifyForm(pending.email, name=pending.name)
    form.about += (form.name.data or "",)  # as it is sent
    target, language = pending.next_path, languages.page_language()

    def unit(password_hash: str) -> str:
        facts = {"name": form.name.data or "", "language": language}
        return workflows.complete_sign_up(sign_up_id, password_hash=password_hash, **facts).id

    success = lazy_gettext("Your address is verified and your account is ready.")
    if answer := authentication.submit_new_password(form, unit, to=target, success=success):
        return answer
    if form.refusal:
        return redirect(url_for("auth.sign_in", next=target), 303)
    return authentication.form_page(form, "account/verify.html", email=pending.email)
