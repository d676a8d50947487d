"""Sign in, sign out, sign in as someone else."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import EmailField, HiddenField, PasswordField

from portal import web
from portal.account import authentication
from portal.account.blueprint import blueprint
from portal.domain import accounts
from portal.domain.errors import Code, Refused
from portal.web import form_recovery


def front() -> Any:
    """Redirect the site's root: operators to their pages, a partner's staff to the partner portal,
    others to the console."""
    actor = web.actor_or_none()
    if actor is None:
        return redirect(url_for("auth.sign_in"), 303)
    if actor.is_operator:
        return redirect(url_for("operator.home"), 303)
    is_staff = bool(accounts.partner_accounts_of(actor))
    return redirect(url_for("partner.choose" if is_staff else "console.home"), 303)


class SignInForm(web.Form):
    email = EmailField(lazy_gettext("E-mail"), [web.REQUIRED])
    password = PasswordField(lazy_gettext("Password"), [web.REQUIRED])
    next = HiddenField()
    carried = HiddenField()


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Any:
    """Sign in; with `switch` in the URL, as someone else. A POST without a session arrives here
    with `carry` in the URL: its fields are preserved in the form and shown after sign-in, never
    executed."""
    target = web.safe_path(request.values.get("next"))
    if request.method == "POST" and "carry" in request.args:
        return _carry(target)
    form = SignInForm(next=target)
    form.next.data = target
    if not form.is_submitted() and web.actor_or_none() and "switch" not in request.args:
        return redirect(target, 303)
    if not form.validate_on_submit():
        return authentication.form_page(form, "account/sign_in.html", is_carrying=False)
    return sign_in_with(form, form.email.data or "", form.password.data or "")


def sign_in_with(form: SignInForm, email: str, password: str) -> Any:
    """Sign in and go to the form's target; where that is refused, show the form."""
    wrong, target = Refused(Code.PASSWORD_FOREIGN), web.safe_path(form.next.data)
    try:
        authenticated = authentication.authenticate(email, password, wrong=wrong)
        authentication.start_session(*authenticated, instead_of=web.actor_or_none())
    except Refused as error:
        return authentication.form_page(form, "account/sign_in.html", error, is_carrying=False)
    return redirect(form_recovery.save(form.carried.data or "", authenticated.user_id, target), 303)


def _carry(target: str) -> Any:
    fields = form_recovery.pack(request.form)
    form = SignInForm(formdata=None, next=target, carried=fields)
    return web.page("account/sign_in.html", form=form, is_carrying=True, status=422)


@blueprint.post("/sign-out")
def sign_out() -> Any:
    """End the session on the server, so that a copy of its cookie is invalid too."""
    form = web.Form()
    actor = web.actor_or_none()
    if actor is not None and not form.validate():
        abort(422)
    authentication.end_session(actor)
    flash(_("You are signed out."), "success")
    response = redirect(url_for("auth.sign_in"), 303)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response
