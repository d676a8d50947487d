"""Invitations: a customer is asked to confirm the partnership; look-up, answer, delivery.

Only the signed-in user whose verified address is the invited one may answer; the link holds no
secret. `customers.accept` and `customers.decline` answer it: they change the customer's state.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKeyConstraint, false, select, true
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import mail_deliveries
from portal.domain.actors import Actor
from portal.domain.mail_deliveries import MailDelivery

MAIL = "invitation"


class Answer(StrEnum):
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class Invitation(db.Base):
    """One per customer; its key, and the ID in its link, is the subaccount's ID."""

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
        """Visible only to the user with the invited address."""
        if actor.is_system:
            return true()
        return cls.email_key == actor.email_key if actor.email_key else false()

    @property
    def is_open(self) -> bool:
        return self.answer is None


def open_for(actor: Actor) -> list[Invitation]:
    """The actor's open invitations, newest first."""
    query = select(Invitation).where(Invitation.visible_to(actor), Invitation.answer.is_(None))
    return list(db.session.scalars(query.order_by(Invitation.subaccount_id.desc())))


def find_by_link(actor: Actor, account_id: str) -> Invitation | None:
    """The actor's invitation for the ID in a link: a subaccount's or, by the seed's prose, a
    partner account's. Prefers an open one to one that the actor has confirmed; others are not
    found."""
    query = select(Invitation).where(
        Invitation.visible_to(actor),
        (Invitation.subaccount_id == account_id) | (Invitation.partner_id == account_id),
        Invitation.answer.is_(None)
        | ((Invitation.answer == Answer.CONFIRMED) & (Invitation.answered_by == actor.id)),
    )
    query = query.order_by(Invitation.answer.isnot(None), Invitation.subaccount_id.desc())
    return db.session.scalar(query.limit(1))


def answer_of(subaccount_id: str) -> tuple[Answer | None, datetime | None]:
    """The customer's answer, and when it was given; both None while the invitation is open. The
    caller has checked that the customer is visible."""
    query = select(Invitation.answer, Invitation.answered_at)
    row = db.session.execute(query.where(Invitation.subaccount_id == subaccount_id)).one()
    return row[0], row[1]


def is_invited(email_key: str) -> bool:
    """Whether an open invitation of any partner names this canonical address."""
    query = select(Invitation.subaccount_id).where(
        Invitation.email_key == email_key, Invitation.answer.is_(None)
    )
    return db.session.scalar(query.limit(1)) is not None


def has_reply(subaccount_id: str) -> bool:
    """Whether the invited user has answered; a withdrawal is the partner's."""
    query = select(Invitation.subaccount_id).where(
        Invitation.subaccount_id == subaccount_id,
        Invitation.answer.in_((Answer.CONFIRMED, Answer.DECLINED)),
    )
    return db.session.scalar(query) is not None


def delivery_of(subaccount_id: str) -> MailDelivery | None:
    """The newest delivery of the invitation's mail."""
    return mail_deliveries.latest(MAIL, about=subaccount_id)


def deliveries_of(subaccount_id: str) -> list[MailDelivery]:
    """The deliveries of the invitation's mail, oldest first. The caller has checked that the
    customer is visible."""
    query = select(MailDelivery).where(
        MailDelivery.kind == MAIL, MailDelivery.about == subaccount_id
    )
    query = query.order_by(MailDelivery.id).execution_options(populate_existing=True)
    return list(db.session.scalars(query))


def purge_expired_mails() -> bool:
    """Empty a batch of mails past their retention, but for undelivered ones of open invitations:
    people still decide on them. Return whether there may be more."""
    is_recent = Invitation.answered_at >= db.now() - mail_deliveries.RETENTION
    undecided = select(Invitation.subaccount_id).where(Invitation.answer.is_(None) | is_recent)
    return mail_deliveries.purge_expired(undecided)
