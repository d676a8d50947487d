"""Passwords: hashing, checking, change and reset."""

from __future__ import annotations

import functools
import hashlib
import secrets
import threading
from datetime import timedelta
from typing import Protocol

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from portal import db
from portal.domain import audit, mail_deliveries, values
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.identity.password_rules import (
    cut_password,
    normalize_password,
    password_problem,
)
from portal.domain.identity.session import end_sessions, require_recent
from portal.domain.identity.user import User, as_actor, user_by_email
from portal.domain.values import EmailAddress

RESET_LIFETIME = timedelta(hours=1)

MAX_CONCURRENT_HASHES = 2
"""Per process: argon2 takes 64 MB for each hash."""

_hash_slots = threading.BoundedSemaphore(MAX_CONCURRENT_HASHES)


class Hasher(Protocol):
    """The interface of argon2's PasswordHasher that is used here."""

    def hash(self, password: str) -> str: ...

    def verify(self, hash: str, password: str) -> bool: ...

    def __hash__(self) -> int: ...


_hasher: Hasher = PasswordHasher()


def use_hasher(hasher: Hasher) -> Hasher:
    """Use this hasher in the whole process; returns the previous one."""
    global _hasher
    previous, _hasher = _hasher, hasher
    return previous


@functools.cache
def _dummy_hash(hasher: Hasher) -> str:
    """The hash of a password that nobody has. Not made at the start: most commands need none."""
    return hasher.hash(secrets.token_hex(16))


def hash_new_password(password: str, *about: str) -> str:
    """The argon2 hash of a password that somebody chooses; each place that sets one calls this.
    Slow by design: call it outside transactions.

    Raises the refusals of `password_problem`.
    """
    if problem := password_problem(password, *about):
        raise problem
    return hash_password(password)


def hash_password(password: str) -> str:
    """The argon2 hash of a password, which may be easy to guess: the demonstration's is."""
    with _hash_slots:
        return _hasher.hash(normalize_password(password))


def check_password(email_key: str, password: str) -> User | None:
    """The active user with this address and password. An unknown address takes as long as a wrong
    password.

    Slow by design: call it outside writing transactions, after `count_password_attempt`.
    """
    user = user_by_email(email_key)
    with _hash_slots:
        dummy_hash = _dummy_hash(_hasher)  # also for a user: the first check takes longer
        is_right = _matches(user.password_hash if user else dummy_hash, password)
    return user if is_right and user is not None and user.is_active else None


def _matches(stored_hash: str, password: str) -> bool:
    """Whether the password has this hash, normalized or as it is: old hashes are of passwords as
    they were typed."""
    forms = dict.fromkeys((normalize_password(password), cut_password(password)))
    return any(_verify(stored_hash, form) for form in forms)


def _verify(stored_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(stored_hash, password)
    except VerificationError:
        return False


def change_password(actor: Actor, *, password_hash: str) -> None:
    """Change the actor's own password and end all their sessions.

    Raises ReauthenticationRequired, also if the password was changed elsewhere meanwhile: that
    ended this session.
    """
    require_recent(actor)
    user = db.session.get_one(User, actor.id)
    _set_password(user, password_hash, by=actor)
    audit.record(Action.USER_CHANGE_PASSWORD, by=actor, chain=audit.INSTALLATION, thing=user.id)


def request_password_reset(address: EmailAddress) -> None:
    """Send a reset link by mail if the address has an active user. The caller can't tell."""
    user = user_by_email(address.key)
    if user is None or not user.is_active:
        return
    reset_key = f"{user.id}.{int(db.now().timestamp())}.{_fingerprint(user)}"
    mail_deliveries.add(
        "password-reset", about=reset_key, to=address.wire, language=user.language, facts={}
    )


def user_for_reset(reset_key: str) -> User | None:
    """The user whose password the link may set. It is valid for an hour and while password and
    address are unchanged, so it works once."""
    user_id, _, rest = reset_key.partition(".")
    requested_at, _, fingerprint = rest.partition(".")
    user = db.session.get(User, user_id, populate_existing=True)
    if user is None or not user.is_active or fingerprint != _fingerprint(user):
        return None
    age = db.now().timestamp() - int(requested_at)
    return user if abs(age) <= RESET_LIFETIME.total_seconds() else None  # clocks are set back


def reset_password(user_id: str, *, reset_key: str, password_hash: str) -> None:
    """Set a new password by a reset link, and end all sessions.

    Raises Refused("link-over") if the link is no longer valid.
    """
    user = db.lock(User, user_id)
    if user_for_reset(reset_key) is not user:
        raise Refused(Code.LINK_OVER)
    by = as_actor(user)
    _set_password(user, password_hash, by=by)
    audit.record(Action.USER_RESET_PASSWORD, by=by, chain=audit.INSTALLATION, thing=user.id)


def _set_password(user: User, password_hash: str, *, by: Actor) -> None:
    """Set the password, end all sessions, and send a mail that says so."""
    user.password_hash = password_hash
    end_sessions(user.id, by=by, why="new-password")
    address = values.email(user.email).wire
    mail_deliveries.add(
        "password-changed", about=user.id, to=address, language=user.language, facts={}
    )


def _fingerprint(user: User) -> str:
    text = f"{user.password_hash}\n{user.email_key}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
