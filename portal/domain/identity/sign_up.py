"""Signing up: what waits for its mail, who is allowed, and the account it becomes."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import audit, locks, outbox, policy
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.identity.user import User, flush_address, user_by_email
from portal.domain.values import EmailAddress

SIGN_UP_LIFETIME = timedelta(days=2)


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


def sign_up(
    address: EmailAddress, *, name: str, next_path: str, language: str, invited: bool
) -> None:
    """Anyone may ask for an account; whether the address has one is told only to the address.

    `language` is the newcomer's; who has an account reads their own. `invited`: an open invitation
    waits for this address. Raises Refused(Code.SIGN_UP_CLOSED).
    """
    sign_up_policy = policy.current().sign_up
    if sign_up_policy is policy.SignUpPolicy.CLOSED:
        raise Refused(Code.SIGN_UP_CLOSED)
    known = user_by_email(address.key)
    if known is not None:
        kind, about, language = "account-exists", address.key, known.language
    elif sign_up_policy is policy.SignUpPolicy.INVITED and not (
        invited or _is_allowed(address.key)
    ):
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
    is_closed = policy.current().sign_up is policy.SignUpPolicy.CLOSED
    if waiting is None or is_closed or db.now() - waiting.created_at > SIGN_UP_LIFETIME:
        return None
    return waiting if user_by_email(waiting.email_key) is None else None


def create_user(address: EmailAddress, *, name: str, password_hash: str, language: str) -> User:
    """A verified address becomes an account. Raises Refused(Code.ACCOUNT_EXISTS)."""
    if user_by_email(address.key) is not None:
        raise Refused(Code.ACCOUNT_EXISTS, field="email")
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
    flush_address(Refused(Code.ACCOUNT_EXISTS, field="email"))
    delete_sign_ups(address.key)
    return user


def delete_sign_ups(email_key: str) -> None:
    """An address that has an account has nothing waiting."""
    waiting = locks.rows(SignUp.id, SignUp.email_key == email_key)
    db.session.execute(delete(SignUp).where(SignUp.id.in_(waiting)))


def allow_email(address: EmailAddress, *, by: Actor) -> None:
    """An operator lets this address sign up although sign-up is by invitation."""
    if db.session.get(AllowedEmail, address.key) is None:
        db.session.add(AllowedEmail(email_key=address.key, created_at=db.now()))
        audit.record(Action.USER_ALLOW, by=by, chain=audit.INSTALLATION, thing="allowed-emails")


def _is_allowed(email_key: str) -> bool:
    return db.session.get(AllowedEmail, email_key) is not None
