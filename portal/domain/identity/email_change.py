"""E-mail change: a user's new address takes effect once its mail is answered.

A pending change reserves nothing. Whether an address has an account is disclosed only to its
verified owner.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, delete
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import audit, mail_deliveries, values
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.identity.session import require_recent
from portal.domain.identity.sign_up import delete_sign_ups
from portal.domain.identity.user import User, flush_email, lock_active, user_by_email
from portal.domain.values import EmailAddress

EMAIL_CHANGE_LIFETIME = timedelta(days=2)


class EmailChange(db.Base):
    """A user's new address that is not verified yet; one for each user, the newest."""

    __tablename__ = "email_changes"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    id: Mapped[str]
    email: Mapped[str]
    email_key: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)


def request_email_change(actor: Actor, address: EmailAddress) -> None:
    """Request another address and send the mail that verifies it.

    Raises ReauthenticationRequired, Refused("email-same").
    """
    require_recent(actor)
    user = db.session.get_one(User, actor.id)
    if user.email_key == address.key and user.email == address.display:
        raise Refused(Code.EMAIL_SAME, field="email")
    db.session.execute(delete(EmailChange).where(EmailChange.user_id == user.id))
    change = EmailChange(
        user_id=user.id,
        id=secrets.token_hex(16),
        email=address.display,
        email_key=address.key,
        created_at=db.now(),
    )
    db.session.add(change)
    db.session.flush()
    mail_deliveries.add(
        "email-change",
        about=change.id,
        to=address.wire,
        language=user.language,
        facts={"email": user.email},
    )


def pending_email_change(actor: Actor) -> EmailChange | None:
    """The actor's unverified change; None if there is none or it has expired."""
    change = db.session.get(EmailChange, actor.id)
    if change is None or db.now() - change.created_at > EMAIL_CHANGE_LIFETIME:
        return None
    return change


def change_email(actor: Actor, change_id: str) -> None:
    """Give the user the verified address, and send a mail to the old one.

    Raises Refused("link-over") if the change is replaced or expired, Refused("email-in-use",
    "user-disabled").
    """
    user = lock_active(actor)
    change = pending_email_change(actor)
    if change is None or change.id != change_id:
        raise Refused(Code.LINK_OVER)
    holder = user_by_email(change.email_key)
    if holder is not None and holder is not user:
        raise Refused(Code.EMAIL_IN_USE)
    old_address = values.email(user.email)
    user.email, user.email_key = change.email, change.email_key
    flush_email(if_taken=Refused(Code.EMAIL_IN_USE))
    db.session.delete(change)
    delete_sign_ups(user.email_key)
    audit.record(Action.USER_CHANGE_EMAIL, by=actor, chain=audit.INSTALLATION, thing=user.id)
    mail_deliveries.add(
        "email-changed", about=user.id, to=old_address.wire, language=user.language, facts={}
    )
