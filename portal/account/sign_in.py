"""Sign in, sign up, verify an address, sign out, sign in as someone else."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_login import logout_user
from wtforms import EmailField, HiddenField, PasswordField, StringField

from portal import db, tokens, web
from portal.account import authentication
from portal.domain import accounts, identity, policy, values, workflows
from portal.domain.errors import Code, Refused
from portal.i18n import languages
from portal.web import form_recovery

blueprint = Blueprint("auth", __name__)
blueprint.before_request(web.require_text)


def load_visitor(token: str) -> web.Visitor | None:
    """Flask-Login's question: who is signed in with this token?"""
    found = identity.actor_of_session(token)
    if found is None:
        return None
    actor, seen_at = found
    # A page that asks by itself is not somebody at work; and reading goes on where nothing can be
    # written.
    if "poll" not in request.args and db.now() - seen_at >= identity.SEEN_INTERVAL:
        db.try_write(lambda: identity.touch_session(actor))
    return web.Visitor(actor, token)


def front() -> Any:
    """The site's address alone: to the partner portal for a partner's staff, else the console."""
    actor = web.signed_in()
    if actor is None:
        return redirect(url_for("auth.sign_in"), 303)
    is_staff = bool(accounts.partner_accounts_of(actor))
    return redirect(url_for("partner.choose" if is_staff else "console.home"), 303)


class SignInForm(web.Form):
    email = EmailField(lazy_gettext("E-mail"), [web.REQUIRED])
    password = PasswordField(lazy_gettext("Password"), [web.REQUIRED])
    next = HiddenField()
    carried = HiddenField()


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Any:
    """Also "sign in as someone else" (`switch`), and where a POST lands whose session has ended
    (`carry`): its fields travel in the form and are shown again afterwards, never executed."""
    target = web.own_path(request.values.get("next"))
    if request.method == "POST" and "carry" in request.args:
        typed = form_recovery.pack(request.form)
        form = SignInForm(formdata=None, next=target, carried=typed)
        return web.page("account/sign_in.html", form=form, is_carrying=True, status=422)
    form = SignInForm(next=target)
    form.next.data = target
    if not form.is_submitted():
        if web.signed_in() and "switch" not in request.args:
            return redirect(target, 303)
        return web.page("account/sign_in.html", form=form, is_carrying=False)
    if not form.validate():
        return authentication.form_page(form, "account/sign_in.html", is_carrying=False)
    try:
        found = authentication.authenticate(
            form.email.data or "", form.password.data or "", wrong=Refused(Code.PASSWORD_FOREIGN)
        )
    except Refused as error:
        return authentication.form_page(form, "account/sign_in.html", error, is_carrying=False)
    authentication.start_session(found.user_id, instead_of=web.signed_in())
    kept = form_recovery.save(form.carried.data or "", found.user_id)
    separator = "&" if "?" in target else "?"
    return redirect(f"{target}{separator}kept={kept}" if kept else target, 303)


@blueprint.post("/sign-out")
def sign_out() -> Any:
    """Ends the session on the server, so a copy of its cookie is dead, too."""
    form = web.Form()
    actor = web.signed_in()
    if actor is not None:
        if not form.validate():
            abort(422)
        db.write(lambda: identity.end_session(actor))
    logout_user()
    session.clear()
    flash(_("You are signed out."), "success")
    response = redirect(url_for("auth.sign_in"), 303)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


class SignUpForm(web.Form):
    name = StringField(lazy_gettext("Your name"), [web.REQUIRED, web.normalised_by(values.line)])
    email = EmailField(lazy_gettext("E-mail"), [web.REQUIRED, web.ADDRESS])
    next = HiddenField()


@blueprint.route("/sign-up", methods=["GET", "POST"])
def sign_up() -> Any:
    """Ask for an account; the answer goes by mail, and says the same whoever asks."""
    form = SignUpForm()
    sign_up_policy = policy.current().sign_up
    if not form.is_submitted():
        form.next.data = web.own_path(request.args.get("next"))
        return web.page("account/sign_up.html", form=form, policy=sign_up_policy)
    if not form.validate():
        return authentication.form_page(form, "account/sign_up.html", policy=sign_up_policy)
    address = values.email(form.email.data or "")
    name, target = form.name.data or "", web.own_path(form.next.data)
    language = languages.page_language()
    network = web.client_network()

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
    """Where to look for the mail."""
    return web.page(
        "account/sign_up_sent.html",
        email=session.get("signed_up_as", ""),
        policy=policy.current().sign_up,
    )


class VerifyForm(authentication.NewPasswordForm):
    name = StringField(lazy_gettext("Your name"), [web.REQUIRED, web.normalised_by(values.line)])
    password = PasswordField(lazy_gettext("Password"), [web.REQUIRED])
    password_again = PasswordField(lazy_gettext("Password, once more"), [web.REQUIRED])


@blueprint.route("/verify/<token>", methods=["GET", "POST"])
def verify(token: str) -> Any:
    """The mail's link: opening it changes nothing; choosing a password makes the account."""
    sign_up_id = tokens.read("verification", token)
    waiting = identity.waiting_sign_up(sign_up_id) if sign_up_id else None
    if waiting is None:
        return web.page("account/link_over.html", status=404)
    form = VerifyForm(waiting.email, name=waiting.name)
    ident, target = waiting.id, waiting.next_path
    if not form.validate_on_submit():
        return authentication.form_page(form, "account/verify.html", email=waiting.email)
    name, password_hash = form.name.data or "", identity.hash_password(form.password.data or "")
    language = languages.page_language()

    def unit() -> str:
        user = workflows.complete_sign_up(
            ident, name=name, password_hash=password_hash, language=language
        )
        return user.id

    try:
        user_id = db.write(unit)
    except Refused:
        return redirect(url_for("auth.sign_in", next=target), 303)
    authentication.start_session(user_id, instead_of=web.signed_in())
    flash(_("Your address is verified and your account is ready."), "success")
    return redirect(target, 303)
