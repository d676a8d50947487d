"""Who someone is: user, verified e-mail, session, who may sign up.

A user exists from the moment the address is verified, never before: what waits for its mail is a
sign-up, and reserves nothing. The password is chosen after the mail was answered, so nobody can
prepare an account for somebody else's address.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import JSON, ColumnElement, ForeignKey, delete, select, true, update
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import audit, outbox, terms
from portal.domain.actor import Actor
from portal.domain.contact import Address
from portal.domain.errors import Refused

SESSION_IDLE = timedelta(minutes=30)
SESSION_LONGEST = timedelta(hours=8)
SEEN_EVERY = timedelta(minutes=1)
SIGN_UP_LASTS = timedelta(days=2)
KEPT_FORM_LASTS = timedelta(hours=8)
PASSWORD_SHORTEST, PASSWORD_LONGEST = 10, 200

hasher = PasswordHasher()
_NOBODY = hasher.hash(secrets.token_hex(16))


class User(db.Base):
    __tablename__ = "users"

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str]
    email_key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    language: Mapped[str] = mapped_column(default="en")
    time_zone: Mapped[str | None]
    is_operator: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class SignUp(db.Base):
    """An address that wants an account and has not answered its mail yet; reserves nothing."""

    __tablename__ = "sign_ups"

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str]
    email_key: Mapped[str]
    name: Mapped[str]
    next_path: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)


class AllowedEmail(db.Base):
    """An address that may sign up although sign-up is by invitation."""

    __tablename__ = "allowed_emails"

    email_key: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class UserSession(db.Base):
    """A signed-in browser. The row holds a hash: who reads the database can't take it over."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    user_agent: Mapped[str]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class KeptForm(db.Base):
    """What somebody had typed when their session was found dead; shown once more, never run."""

    __tablename__ = "kept_forms"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    fields: Mapped[dict[str, list[str]]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(index=True)

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        return true() if actor.is_system else cls.user_id == actor.id


def as_actor(user: User, session_id: str = "") -> Actor:
    """The user as the one who acts."""
    return Actor(
        id=user.id,
        email=user.email,
        email_key=user.email_key,
        name=user.name,
        language=user.language,
        time_zone=user.time_zone,
        is_operator=user.is_operator,
        session_id=session_id,
    )


def user_by_email(email_key: str) -> User | None:
    """The account with this canonical address."""
    return db.session.scalar(select(User).where(User.email_key == email_key))


def password_fault(password: str, email: str) -> Refused | None:
    """What speaks against a new password: too short, too long, or the address itself."""
    if len(password) < PASSWORD_SHORTEST:
        return Refused("password-short", least=PASSWORD_SHORTEST)
    if len(password) > PASSWORD_LONGEST:
        return Refused("password-long", most=PASSWORD_LONGEST)
    if password.casefold() == email.casefold():
        return Refused("password-is-email")
    return None


def hash_password(password: str) -> str:
    """Slow on purpose: call it outside every transaction."""
    return hasher.hash(password)


def check_password(email_key: str, password: str) -> User | None:
    """The user if the password is theirs. A missing user costs the same time as a wrong password.

    Slow on purpose: call it outside a writing transaction.
    """
    user = user_by_email(email_key)
    try:
        hasher.verify(user.password_hash if user else _NOBODY, password)
    except VerificationError:
        return None
    return user if user is not None and user.disabled_at is None else None


def sign_up(address: Address, *, name: str, next_path: str, language: str, invited: bool) -> None:
    """Anyone may ask for an account; whether the address has one is told only to the address.

    `invited`: an open invitation waits for this address. Raises Refused("sign-up-closed").
    """
    policy = terms.agreed().sign_up
    if policy is terms.SignUpPolicy.CLOSED:
        raise Refused("sign-up-closed")
    if user_by_email(address.key) is not None:
        kind, about = "account-exists", address.key
    elif policy is terms.SignUpPolicy.INVITED and not (invited or _is_allowed(address.key)):
        return
    else:
        waiting = SignUp(
            id=secrets.token_hex(16),
            email=address.display,
            email_key=address.key,
            name=name,
            next_path=next_path,
            created_at=db.now(),
        )
        db.session.add(waiting)
        kind, about = "verification", waiting.id
    facts = {"name": name, "next": next_path}
    outbox.add(kind, about=about, to=address.wire, language=language, facts=facts)


def waiting_sign_up(sign_up_id: str) -> SignUp | None:
    """The sign-up whose mail was answered in time and whose address has no account yet."""
    waiting = db.session.get(SignUp, sign_up_id)
    is_closed = terms.agreed().sign_up is terms.SignUpPolicy.CLOSED
    if waiting is None or is_closed or db.now() - waiting.created_at > SIGN_UP_LASTS:
        return None
    return waiting if user_by_email(waiting.email_key) is None else None


def create_user(address: Address, *, name: str, password_hash: str, language: str) -> User:
    """A verified address becomes an account. Raises Refused("account-exists")."""
    # Newcomers one at a time, or two clicks on one mail's link would both find nobody here.
    db.lock(audit.AuditHead, audit.INSTALLATION)
    if user_by_email(address.key) is not None:
        raise Refused("account-exists", field="email")
    user = User(
        id=db.new_id("aje"),
        email=address.display,
        email_key=address.key,
        name=name,
        password_hash=password_hash,
        language=language,
        created_at=db.now(),
    )
    db.session.add(user)
    db.session.execute(delete(SignUp).where(SignUp.email_key == address.key))
    db.session.flush()
    return user


def allow(address: Address, *, by: Actor) -> None:
    """An operator lets this address sign up although sign-up is by invitation."""
    if db.session.get(AllowedEmail, address.key) is None:
        db.session.add(AllowedEmail(email_key=address.key, created_at=db.now()))
        audit.record("user.allow", by=by, chain=audit.INSTALLATION, thing="allowed-emails")


def make_operator(user: User, *, by: Actor) -> None:
    """This user runs the installation."""
    user.is_operator = True
    audit.record("user.operator", by=by, chain=audit.INSTALLATION, thing=user.id)


def open_session(user_id: str, *, user_agent: str) -> str:
    """Signs a user in; returns the 256-bit token, which is stored nowhere here."""
    token = secrets.token_urlsafe(32)
    now = db.now()
    row = UserSession(id=_session_id(token), user_id=user_id, user_agent=user_agent[:200])
    row.created_at = row.seen_at = now
    db.session.add(row)
    db.session.flush()
    return token


def session_actor(token: str) -> tuple[Actor, datetime] | None:
    """Who is signed in with this token, and when last seen; None for a dead or unknown session."""
    now = db.now()
    found = db.session.execute(
        select(User, UserSession.seen_at)
        .join(UserSession, UserSession.user_id == User.id)
        .where(
            UserSession.id == _session_id(token),
            UserSession.ended_at.is_(None),
            UserSession.created_at > now - SESSION_LONGEST,
            UserSession.seen_at > now - SESSION_IDLE,
            User.disabled_at.is_(None),
        )
    ).first()
    return None if found is None else (as_actor(found[0], _session_id(token)), found[1])


def touch_session(actor: Actor) -> None:
    """The session was used just now."""
    db.session.execute(
        update(UserSession).where(UserSession.id == actor.session_id).values(seen_at=db.now())
    )


def end_session(actor: Actor) -> None:
    """Signs this browser out; a copy of its cookie is dead, too."""
    db.session.execute(
        update(UserSession).where(UserSession.id == actor.session_id).values(ended_at=db.now())
    )


def keep_form(user_id: str, fields: dict[str, list[str]]) -> str:
    """Holds what was typed until its form is shown again; returns the key for the form's URL."""
    kept = KeptForm(id=secrets.token_hex(16), user_id=user_id, fields=fields, created_at=db.now())
    db.session.add(kept)
    db.session.flush()
    return kept.id


def forget_old() -> None:
    """Sign-ups nobody answered, dead sessions and kept forms are dropped."""
    now = db.now()
    for stale in (
        SignUp.created_at < now - SIGN_UP_LASTS,
        KeptForm.created_at < now - KEPT_FORM_LASTS,
        UserSession.created_at < now - SESSION_LONGEST,
    ):
        db.session.execute(delete(stale.left.table).where(stale))


def anyone() -> bool:
    """Whether any account exists."""
    return db.session.scalar(select(User.id).limit(1)) is not None


def _is_allowed(email_key: str) -> bool:
    return db.session.get(AllowedEmail, email_key) is not None


def _session_id(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
