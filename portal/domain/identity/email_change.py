"""Changing one's address: the new one counts from when its mail was answered.

Nothing is reserved meanwhile, and nobody learns whether an address has an account before they have
proven that it is theirs.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, delete
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import audit, outbox, values
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.identity.sign_up import delete_sign_ups
from portal.domain.identity.user import User, flush_address, user_by_email
from portal.domain.values import EmailAddress

EMAIL_CHANGE_LIFETIME = timedelta(days=2)


class EmailChange(db.Base):
    """A user's new address that has not answered its mail yet; a newer one takes its place."""

    __tablename__ = "email_changes"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    id: Mapped[str]
    email: Mapped[str]
    email_key: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)


def request_email_change(actor: Actor, address: EmailAddress) -> None:
    """Who has proven their password asks for another address; its mail must be answered.

    Raises Refused(Code.EMAIL_SAME).
    """
    user = db.lock(User, actor.id)
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
    facts = {"email": user.email}
    outbox.add(
        "email-change", about=change.id, to=address.wire, language=user.language, facts=facts
    )


def pending_email_change(actor: Actor) -> EmailChange | None:
    """The change whose mail the actor has not answered yet, for two days."""
    change = db.session.get(EmailChange, actor.id)
    if change is None or db.now() - change.created_at > EMAIL_CHANGE_LIFETIME:
        return None
    return change


def change_email(actor: Actor, change_id: str) -> None:
    """The signed-in user who answered the new address's mail has that address; the old one is told.

    Raises Refused(Code.LINK_OVER, "email-in-use").
    """
    user = db.lock(User, actor.id)
    change = pending_email_change(actor)
    if change is None or change.id != change_id:
        raise Refused(Code.LINK_OVER)
    holder = user_by_email(change.email_key)
    if holder is not None and holder is not user:
        raise Refused(Code.EMAIL_IN_USE)
    old = values.email(user.email)
    user.email, user.email_key = change.email, change.email_key
    flush_address(Refused(Code.EMAIL_IN_USE))
    db.session.delete(change)
    delete_sign_ups(user.email_key)
    audit.record(Action.USER_CHANGE_EMAIL, by=actor, chain=audit.INSTALLATION, thing=user.id)
    outbox.add("email-changed", about=user.id, to=old.wire, language=user.language, facts={})
