"""Proof of who someone is: tries are counted before a password is checked; a session begins."""

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
    """Who has proven a password, and the hash it was checked against."""

    user_id: str
    password_hash: str


def authenticate(email: str, password: str, *, wrong: Refused) -> Authenticated:
    """Whose password this is; every prompt for a password asks here.

    Raises `wrong` if it is not theirs, Refused("too-many-tries"). An address that nobody has costs
    the same and counts the same.
    """
    try:
        key = values.email(email).key
    except Invalid:
        key = ""  # nobody has it; PostgreSQL would refuse the question for one with a NUL in it
    account, network = key or email.casefold(), web.client_network()
    db.write(lambda: identity.count_password_attempt(account, network=network))
    user = identity.check_password(key, password[: identity.MAX_PASSWORD_LENGTH + 1])
    if user is None:
        raise wrong
    found = Authenticated(user.id, user.password_hash)
    db.write(lambda: identity.reset_password_attempts(account, network=network))
    return found


def start_session(user_id: str, *, instead_of: Actor | None) -> None:
    """A new session with a new ID; whoever was signed in before in this browser is signed out."""
    agent = request.user_agent.string

    def unit() -> str:
        if instead_of is not None:
            identity.end_session(instead_of)
        return identity.open_session(user_id, user_agent=agent)

    token = db.write(unit)
    session.clear()
    found = identity.actor_of_session(token)
    if found is None:
        abort(401)
    login_user(web.Visitor(found[0], token))


class NewPasswordForm(web.Form):
    """What holds of `password` and `password_again`, chosen for the account of an address."""

    def __init__(self, email: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.address = email

    def validate_password(self, field: PasswordField) -> None:
        fault = identity.password_problem(field.data or "", self.address)
        if fault is not None:
            raise ValidationError(sentence(fault.code, fault.facts))

    def validate_password_again(self, field: PasswordField) -> None:
        if field.data != self._fields["password"].data:
            raise ValidationError(sentence(Code.PASSWORDS_DIFFER, {}))


def form_page(form: web.Form, template: str, refusal: Refused | None = None, **context: Any) -> Any:
    """The form's page: as it opens, or with what speaks against it; where it was too often, the
    answer says until when."""
    if refusal is not None:
        form.refuse(refusal)
    minutes = refusal.facts.get("minutes") if refusal is not None else None
    status = 429 if minutes else 422 if form.is_submitted() else 200
    answer = web.page(template, form=form, status=status, **context)
    return (*answer, {"Retry-After": str(minutes * 60)}) if minutes else answer
