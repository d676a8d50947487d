"""Authentication: check a password within its rate limits, and start a session."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import abort, request, session
from flask_login import login_user
from wtforms import PasswordField
from wtforms.validators import ValidationError

from portal import db, web
from portal.domain import identity, values
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.values import Invalid
from portal.wording.errors import sentence


class Authenticated(NamedTuple):
    """The user who has proven a password, and the hash that it was checked against."""

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
    user = identity.check_password(key, password[: identity.MAX_PASSWORD_LENGTH + 1])
    if user is None:
        raise wrong
    authenticated = Authenticated(user.id, user.password_hash)
    db.write(lambda: identity.reset_password_attempts(account, network=network))
    return authenticated


def start_session(user_id: str, *, instead_of: Actor | None) -> None:
    """Sign the user in with a new session and session ID; end the session of `instead_of`."""
    user_agent = request.user_agent.string

    def unit() -> str:
        if instead_of is not None:
            identity.end_session(instead_of)
        return identity.open_session(user_id, user_agent=user_agent)

    token = db.write(unit)
    session.clear()
    session_actor = identity.actor_of_session(token)
    if session_actor is None:
        abort(401)
    actor, _seen_at = session_actor
    login_user(web.Visitor(actor, token))


class NewPasswordForm(web.Form):
    """Base of forms that choose a password, which must not be the account's address."""

    def __init__(self, email: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.address = email

    def validate_password(self, field: PasswordField) -> None:
        problem = identity.password_problem(field.data or "", self.address)
        if problem is not None:
            raise ValidationError(sentence(problem.code, problem.facts))

    def validate_password_again(self, field: PasswordField) -> None:
        if field.data != self._fields["password"].data:
            raise ValidationError(sentence(Code.PASSWORDS_DIFFER, {}))


def form_page(form: web.Form, template: str, refusal: Refused | None = None, **context: Any) -> Any:
    """Return the form's page: 200 when opened, 422 with errors, 429 with Retry-After when a rate
    limit refused it."""
    if refusal is not None:
        form.refuse(refusal)
    minutes = refusal.facts.get("minutes") if refusal is not None else None
    status = 429 if minutes else 422 if form.is_submitted() else 200
    response = web.page(template, form=form, status=status, **context)
    return (*response, {"Retry-After": str(minutes * 60)}) if minutes else response
