"""Asks a customer to confirm the partnership: the invitation, whom it is for, its delivery.

Authority is the signed-in identity whose verified e-mail is the invited one; the link holds no
secret. The verbs that answer it, accept and decline, stand with the customer whose state they move.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKeyConstraint, false, select, true
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import outbox
from portal.domain.actors import Actor
from portal.domain.outbox import OutboxEntry

MAIL = "invitation"


class Answer(StrEnum):
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class Invitation(db.Base):
    """One per customer, found by its subaccount's ID, which its link carries."""

    __tablename__ = "invitations"
    __table_args__ = (
        CheckConstraint("(answer IS NULL) = (answered_at IS NULL)", name="answered"),
        CheckConstraint("answer IS NULL OR answered_by IS NOT NULL", name="answered_by"),
        ForeignKeyConstraint(
            ["subaccount_id", "partner_id"], ["billing_accounts.id", "billing_accounts.parent_id"]
        ),
    )

    subaccount_id: Mapped[str] = mapped_column(primary_key=True)
    partner_id: Mapped[str] = mapped_column(index=True)
    email: Mapped[str]
    email_key: Mapped[str] = mapped_column(index=True)
    created_at: Mapped[datetime]
    answer: Mapped[Answer | None] = mapped_column(db.enum_column(Answer, "answer"))
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None] = mapped_column(index=True)

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """An invitation exists for the one it names, and for nobody else."""
        if actor.is_system:
            return true()
        return cls.email_key == actor.email_key if actor.email_key else false()

    @property
    def is_open(self) -> bool:
        return self.answer is None


def open_for(actor: Actor) -> list[Invitation]:
    """The open invitations of the signed-in person, newest first."""
    found = select(Invitation).where(Invitation.visible_to(actor), Invitation.answer.is_(None))
    return list(db.session.scalars(found.order_by(Invitation.subaccount_id.desc())))


def find_by_link(actor: Actor, ident: str) -> Invitation | None:
    """The actor's invitation behind a link: `ident` is a subaccount's ID or, as the seed's prose
    has it, a partner account's. An open one comes before one the actor has confirmed; a closed
    one does not exist."""
    mine = select(Invitation).where(
        Invitation.visible_to(actor),
        (Invitation.subaccount_id == ident) | (Invitation.partner_id == ident),
        Invitation.answer.is_(None)
        | ((Invitation.answer == Answer.CONFIRMED) & (Invitation.answered_by == actor.id)),
    )
    newest_open = mine.order_by(Invitation.answer.isnot(None), Invitation.subaccount_id.desc())
    return db.session.scalar(newest_open.limit(1))


def answer_of(subaccount_id: str) -> tuple[Answer | None, datetime | None]:
    """What a customer the caller has found answered, and when."""
    found = select(Invitation.answer, Invitation.answered_at)
    row = db.session.execute(found.where(Invitation.subaccount_id == subaccount_id)).one()
    return row[0], row[1]


def is_invited(email_key: str) -> bool:
    """Whether some partner's open invitation names this canonical address."""
    found = select(Invitation.subaccount_id).where(
        Invitation.email_key == email_key, Invitation.answer.is_(None)
    )
    return db.session.scalar(found.limit(1)) is not None


def delivery_of(subaccount_id: str) -> OutboxEntry | None:
    """How the one automatic mail of this invitation fared."""
    return outbox.latest(MAIL, about=subaccount_id)
