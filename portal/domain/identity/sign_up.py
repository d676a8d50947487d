"""Sign-up: pending sign-ups, addresses that are allowed to sign up, and creating the user."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import audit, locks, mail_deliveries, policy
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.identity.user import User, flush_email, user_by_email
from portal.domain.values import EmailAddress

SIGN_UP_LIFETIME = timedelta(days=2)


class SignUp(db.Base):
    """A request for an account whose address is not verified yet; reserves nothing."""

    __tablename__ = "sign_ups"

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str]
    email_key: Mapped[str]
    name: Mapped[str]
    next_path: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)


class AllowedEmail(db.Base):
    """An address that may sign up where sign-up is by invitation."""

    __tablename__ = "allowed_emails"

    email_key: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


def sign_up(
    address: EmailAddress, *, name: str, next_path: str, language: str, invited: bool
) -> None:
    """Send a mail to the address: a link to verify it, or, if it has an account already, a note
    that it has. Only the mail discloses which.

    `language` is the newcomer's; an existing user gets the mail in their own. `invited`: whether
    the address has an open invitation. Raises Refused("sign-up-closed").
    """
    sign_up_policy = policy.current().sign_up
    if sign_up_policy is policy.SignUpPolicy.CLOSED:
        raise Refused(Code.SIGN_UP_CLOSED)
    user = user_by_email(address.key)
    if user is not None:
        kind, about, language = "account-exists", user.id, user.language
    elif sign_up_policy is policy.SignUpPolicy.INVITED and not (
        invited or _is_allowed(address.key)
    ):
        return
    else:
        pending = SignUp(
            id=secrets.token_hex(16),
            email=address.display,
            email_key=address.key,
            name=name,
            next_path=next_path,
            created_at=db.now(),
        )
        db.session.add(pending)
        kind, about = "verification", pending.id
    facts = {"name": name, "next": next_path}
    mail_deliveries.add(kind, about=about, to=address.wire, language=language, facts=facts)


def pending_sign_up(sign_up_id: str) -> SignUp | None:
    """The sign-up, unless it has expired, sign-up is closed, or its address has an account."""
    pending = db.session.get(SignUp, sign_up_id)
    is_closed = policy.current().sign_up is policy.SignUpPolicy.CLOSED
    if pending is None or is_closed or db.now() - pending.created_at > SIGN_UP_LIFETIME:
        return None
    return pending if user_by_email(pending.email_key) is None else None


def create_user(address: EmailAddress, *, name: str, password_hash: str, language: str) -> User:
    """Create the user of a verified address. Raises Refused("account-exists")."""
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
    flush_email(if_taken=Refused(Code.ACCOUNT_EXISTS, field="email"))
    delete_sign_ups(address.key)
    return user


def delete_sign_ups(email_key: str) -> None:
    """Delete the pending sign-ups of an address."""
    ids = locks.select_for_update(SignUp.id, SignUp.email_key == email_key)
    db.session.execute(delete(SignUp).where(SignUp.id.in_(ids)))


def allow_email(address: EmailAddress, *, by: Actor) -> None:
    """Allow the address to sign up where sign-up is by invitation."""
    if db.session.get(AllowedEmail, address.key) is None:
        db.session.add(AllowedEmail(email_key=address.key, created_at=db.now()))
        audit.record(Action.USER_ALLOW, by=by, chain=audit.INSTALLATION, thing="allowed-emails")


def _is_allowed(email_key: str) -> bool:
    return db.session.get(AllowedEmail, email_key) is not None
