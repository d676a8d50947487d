"""Sign in, sign out, sign in as someone else."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_login import logout_user
from wtforms import EmailField, HiddenField, PasswordField

from portal import db, web
from portal.account import authentication
from portal.account.blueprint import blueprint
from portal.domain import accounts, identity
from portal.domain.errors import Code, Refused
from portal.web import form_recovery


def load_visitor(token: str) -> web.Visitor | None:
    """Return the person signed in with this session token, None without one, for Flask-Login."""
    session_actor = identity.actor_of_session(token)
    if session_actor is None:
        return None
    actor, seen_at = session_actor
    # Polling is no sign of a person at work. `try_write`: reading works where nothing can be
    # written.
    if "poll" not in request.args and db.now() - seen_at >= identity.SEEN_INTERVAL:
        db.try_write(lambda: identity.touch_session(actor))
    return web.Visitor(actor, token)


def front() -> Any:
    """Redirect the site's root: a partner's staff to the partner portal, others to the console."""
    actor = web.actor_or_none()
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
    """Sign in; with `switch` in the URL, as someone else.

    A POST without a session arrives here with `carry` in the URL: its fields are preserved in the
    form and shown after sign-in, never executed.
    """
    target = web.safe_path(request.values.get("next"))
    if request.method == "POST" and "carry" in request.args:
        return _carry(target)
    form = SignInForm(next=target)
    form.next.data = target
    if not form.is_submitted() and web.actor_or_none() and "switch" not in request.args:
        return redirect(target, 303)
    if not form.validate_on_submit():
        return authentication.form_page(form, "account/sign_in.html", is_carrying=False)
    try:
        authenticated = authentication.authenticate(
            form.email.data or "", form.password.data or "", wrong=Refused(Code.PASSWORD_FOREIGN)
        )
    except Refused as error:
        return authentication.form_page(form, "account/sign_in.html", error, is_carrying=False)
    authentication.start_session(authenticated.user_id, instead_of=web.actor_or_none())
    saved_key = form_recovery.save(form.carried.data or "", authenticated.user_id)
    separator = "&" if "?" in target else "?"
    return redirect(f"{target}{separator}kept={saved_key}" if saved_key else target, 303)


def _carry(target: str) -> Any:
    fields = form_recovery.pack(request.form)
    form = SignInForm(formdata=None, next=target, carried=fields)
    return web.page("account/sign_in.html", form=form, is_carrying=True, status=422)


@blueprint.post("/sign-out")
def sign_out() -> Any:
    """End the session on the server, so that a copy of its cookie is invalid too."""
    form = web.Form()
    actor = web.actor_or_none()
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
