"""Authentication: check a password within its rate limits; start, renew and end a session.

Flask-Login keeps the session's token in the browser's cookie; nothing else knows Flask-Login.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import structlog
from flask import Flask, abort, flash, g, redirect, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from werkzeug.wrappers import Response
from wtforms import PasswordField
from wtforms.validators import ValidationError

from portal import db, web
from portal.domain import identity, values
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.values import Invalid
from portal.wording.errors import sentence

log = structlog.get_logger(__name__)


class Visitor(UserMixin):  # type: ignore[misc]
    """The signed-in person for Flask-Login; its ID is the session token, not the user ID."""

    def __init__(self, actor: Actor, token: str) -> None:
        self.actor = actor
        self.token = token

    def get_id(self) -> str:
        return self.token


def register(app: Flask) -> None:
    """Let Flask-Login load the visitor of a session."""
    login = LoginManager()
    login.init_app(app, add_context_processor=False)  # it queries the database at each rendering
    login.session_protection = None  # sessions are rows; see identity
    login.user_loader(_load_visitor)


def _load_visitor(token: str) -> Visitor | None:
    session_actor = identity.actor_of_session(token)
    if session_actor is None:
        return None
    actor, seen_at = session_actor
    # Polling is no sign of a person at work. `try_write`: reading works where nothing can be
    # written.
    if "poll" not in request.args and db.now() - seen_at >= identity.SEEN_INTERVAL:
        db.try_write(lambda: identity.touch_session(actor))
    return Visitor(actor, token)


def session_actor() -> Actor | None:
    """Return the user whose session's token is in the cookie, or None."""
    return current_user.actor if current_user.is_authenticated else None


class Authenticated(NamedTuple):
    """The user who has given their password, and the hash against which it was checked."""

    user_id: str
    password_hash: str


def authenticate(email: str, password: str, *, wrong: Refused) -> Authenticated:
    """Return the user with this address and password; every password prompt calls this.

    The attempt is counted first. An unknown address takes the same time and counts the same.
    Raises `wrong` if the password does not match, Refused("too-many-tries").
    """
    try:
        key = values.email(email).key
    except Invalid:
        key = ""  # no user has it; PostgreSQL refuses a query with a NUL in it
    account, network = key or email.casefold(), web.client_network()
    db.write(lambda: identity.count_password_attempt(account, network=network))
    user = identity.check_password(key, password)
    if user is None:
        _log_wrong_password(key, network)
        raise wrong
    authenticated = Authenticated(user.id, user.password_hash)
    db.write(lambda: identity.reset_password_attempts(account, network=network))
    return authenticated


def _log_wrong_password(email_key: str, network: str) -> None:
    user = identity.user_by_email(email_key)
    user_id = user.id if user else None
    log.info("password.wrong", user=user_id, network=network, endpoint=request.endpoint)


def start_session(user_id: str, password_hash: str, *, instead_of: Actor | None) -> None:
    """Sign the user in with a new session and session ID; end the session of `instead_of`.

    Raises Refused("password-foreign") if the password has another hash now, or the user may not
    sign in any more.
    """
    user_agent = request.user_agent.string

    def unit() -> str:
        return identity.open_session(
            user_id, user_agent=user_agent, password_hash=password_hash, instead_of=instead_of
        )

    token = db.write(unit)
    session.clear()
    _use_session(token)


def renew_session(actor: Actor) -> None:
    """Record that the actor has given their password again; the session ID changes. What else the
    cookie holds stays, so that forms in other tabs can be sent. Raises ReauthenticationRequired."""
    _use_session(db.write(lambda: identity.renew_authentication(actor)))


def _use_session(token: str) -> None:
    session_actor = identity.actor_of_session(token)
    if session_actor is None:
        abort(401)
    g.actor, _seen_at = session_actor
    login_user(Visitor(g.actor, token))


def end_session(actor: Actor | None) -> None:
    """Sign this browser out; `actor` is None where its session is over already."""
    if actor is not None:
        db.write(lambda: identity.end_session(actor))
    logout_user()
    session.clear()
    g.actor = None


class NewPasswordForm(web.Form):
    """Base of forms that choose a password, which must not be made of `about` the person."""

    def __init__(self, *about: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.about = about

    def hash_password(self) -> str:
        """Return the hash of the password of a valid form. Slow: call it outside transactions."""
        return identity.hash_new_password(self._fields["password"].data or "", *self.about)

    def validate_password(self, field: PasswordField) -> None:
        problem = identity.password_problem(field.data or "", *self.about)
        if problem is not None:
            raise ValidationError(sentence(problem.code, problem.facts))

    def validate_password_again(self, field: PasswordField) -> None:
        typed = (field.data, self._fields["password"].data)
        if len({identity.normalize_password(password or "") for password in typed}) > 1:
            raise ValidationError(sentence(Code.PASSWORDS_DIFFER, {}))


def submit_new_password(
    form: NewPasswordForm, unit: Callable[[str], str], *, to: str, success: Any
) -> Response | None:
    """Return the redirect to `to` once the reader is signed in with the form's new password, or
    None to show the form: it was not sent, is invalid, or was refused.

    `unit` gets the hash of the password and returns the user's ID. `success` is lazy, to be flashed
    in the user's language. Raises as `start_session`.
    """
    if not form.validate_on_submit():
        return None
    password_hash = form.hash_password()
    try:
        user_id = db.write(lambda: unit(password_hash))
    except Refused as error:
        form.refuse(error)
        return None
    start_session(user_id, password_hash, instead_of=web.actor_or_none())
    flash(str(success), "success")
    return redirect(to, 303)


def form_page(form: web.Form, template: str, refusal: Refused | None = None, **context: Any) -> Any:
    """Return the form's page: 200 when opened, 422 with errors, 429 with Retry-After when a rate
    limit refused it. `refusal` is one that the form does not show yet."""
    if refusal is not None:
        form.refuse(refusal)
    minutes = form.refusal.facts.get("minutes") if form.refusal else None
    status = 429 if minutes else 422 if form.is_submitted() else 200
    response = web.page(template, form=form, status=status, **context)
    return (*response, {"Retry-After": str(minutes * 60)}) if minutes else response
