"""Passwords: what one must be like, checking, changing, and choosing anew when it is forgotten."""

from __future__ import annotations

import hashlib
import secrets
import threading
from datetime import timedelta
from typing import Protocol

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from portal import db
from portal.domain import audit, outbox
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.identity.session import end_sessions
from portal.domain.identity.user import User, as_actor, user_by_email
from portal.domain.values import EmailAddress

MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH = 10, 200
RESET_LIFETIME = timedelta(hours=1)

MAX_CONCURRENT_HASHES = 2
"""So many hashes a process works on: each takes 64 MB, and a small server has few of them."""

_turns = threading.BoundedSemaphore(MAX_CONCURRENT_HASHES)


class Hasher(Protocol):
    """What hashes passwords and checks them, as argon2's PasswordHasher does."""

    def hash(self, password: str) -> str: ...

    def verify(self, hash: str, password: str) -> bool: ...


_hasher: Hasher = PasswordHasher()
_nobodys_hash = _hasher.hash(secrets.token_hex(16))


def use_hasher(hasher: Hasher) -> Hasher:
    """Hash and check passwords by `hasher`, in the whole process; returns the one in use so far."""
    global _hasher, _nobodys_hash  # noqa: PLW0603 - one for the process, as the terms are
    replaced, _hasher = _hasher, hasher
    _nobodys_hash = hasher.hash(secrets.token_hex(16))
    return replaced


def password_problem(password: str, email: str) -> Refused | None:
    """What speaks against a new password: too short, too long, or the address itself."""
    if len(password) < MIN_PASSWORD_LENGTH:
        return Refused(Code.PASSWORD_SHORT, least=MIN_PASSWORD_LENGTH)
    if len(password) > MAX_PASSWORD_LENGTH:
        return Refused(Code.PASSWORD_LONG, most=MAX_PASSWORD_LENGTH)
    if password.casefold() == email.casefold():
        return Refused(Code.PASSWORD_IS_EMAIL)
    return None


def hash_password(password: str) -> str:
    """Slow on purpose: call it outside every transaction."""
    with _turns:
        return _hasher.hash(password)


def check_password(email_key: str, password: str) -> User | None:
    """The user if the password is theirs. A missing user costs the same time as a wrong password.

    Slow on purpose: call it outside a writing transaction, after `count_try`.
    """
    user = user_by_email(email_key)
    try:
        with _turns:
            _hasher.verify(user.password_hash if user else _nobodys_hash, password)
    except VerificationError:
        return None
    return user if user is not None and user.disabled_at is None else None


def change_password(actor: Actor, *, proven: str, password_hash: str) -> None:
    """Who has proven the old password has a new one, and every session ends.

    `proven` is the hash that was checked. Raises Refused("password-moved") where another change
    came first.
    """
    user = db.lock(User, actor.id)
    if user.password_hash != proven:
        raise Refused(Code.PASSWORD_MOVED)
    _set(user, password_hash)
    audit.record(Action.USER_CHANGE_PASSWORD, by=actor, chain=audit.INSTALLATION, thing=user.id)


def request_password_reset(address: EmailAddress) -> None:
    """Whoever forgot the password gets a link by mail; whoever asks learns nothing here."""
    user = user_by_email(address.key)
    if user is None or user.disabled_at is not None:
        return
    mark = f"{user.id}.{int(db.now().timestamp())}.{_fingerprint(user)}"
    outbox.add("password-reset", about=mark, to=address.wire, language=user.language, facts={})


def user_for_reset(mark: str) -> User | None:
    """Whose password this link may set: for an hour, and only while password and address are those
    for which it was asked; so it works once, and dies with every other change."""
    user_id, _, rest = mark.partition(".")
    asked, _, fingerprint = rest.partition(".")
    user = db.session.get(User, user_id, populate_existing=True)
    if user is None or user.disabled_at is not None or fingerprint != _fingerprint(user):
        return None
    return user if db.now().timestamp() - int(asked) <= RESET_LIFETIME.total_seconds() else None


def reset_password(user_id: str, *, mark: str, password_hash: str) -> None:
    """The reader of the mail has a new password, and every session ends.

    Raises Refused("link-over") where the link has died meanwhile.
    """
    user = db.lock(User, user_id)
    if user_for_reset(mark) is not user:
        raise Refused(Code.LINK_OVER)
    _set(user, password_hash)
    by = as_actor(user)
    audit.record(Action.USER_RESET_PASSWORD, by=by, chain=audit.INSTALLATION, thing=user.id)


def _set(user: User, password_hash: str) -> None:
    user.password_hash = password_hash
    end_sessions(user.id)


def _fingerprint(user: User) -> str:
    text = f"{user.password_hash}\n{user.email_key}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
