"""Feedback: whether a page of the guide helped, as its readers say, and what its operators read."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    UniqueConstraint,
    delete,
    false,
    func,
    select,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import identity, locks, values
from portal.domain.actors import Actor
from portal.domain.errors import Refused
from portal.domain.identity import User
from portal.domain.values import Invalid

PAGE = 50
MAX_COMMENT_LENGTH = 500
RETENTION = timedelta(days=365)


class Reason(StrEnum):
    """Why a page did not help: the four of the seed's front matter."""

    NO_ANSWER = "no-answer"
    NO_USE = "no-use"
    OTHER_TITLE = "other-title"
    OTHER = "other"


class Feedback(db.Base):
    """What one reader says of one page: it helped where `reason` is None. `voice` is who says it: a
    user's ID, or what a browser keeps in which nobody is signed in."""

    __tablename__ = "feedback"
    __table_args__ = (
        UniqueConstraint("page", "voice"),
        CheckConstraint("reason IS NOT NULL OR comment = ''", "comment_says_why"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    page: Mapped[str]
    voice: Mapped[str]
    language: Mapped[str]
    reason: Mapped[Reason | None] = mapped_column(db.enum_column(Reason, "reason"))
    comment: Mapped[str] = mapped_column(default="")
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Operators read all of it, nobody else any."""
        return true() if actor.is_operator or actor.is_system else false()


class FeedbackCount(NamedTuple):
    """How many readers of a page in a language said this; `reason` is None where it helped."""

    page: str
    language: str
    reason: Reason | None
    readers: int


class Comment(NamedTuple):
    """A reader's words; `email` is None where nobody was signed in."""

    id: str
    page: str
    language: str
    reason: Reason | None
    comment: str
    email: str | None
    created_at: datetime


def submit(
    page: str,
    *,
    by: Actor | None,
    voice: str,
    network: str,
    language: str,
    reason: Reason | None,
    comment: str = "",
) -> None:
    """Anybody says whether a page helped (no reason) or why not; of what they say of it, the last
    counts. `voice` is their browser's, `network` their IP address.

    Raises Refused("too-much-feedback") with the minutes to wait, a malformed comment's code.
    """
    voice = by.id if by else voice
    identity.count_feedback(voice, network=network)  # and from here on this voice speaks alone
    try:
        comment = values.line(comment, limit=MAX_COMMENT_LENGTH) if comment.strip() else ""
    except Invalid as error:
        raise Refused(error.code, field="comment", **error.facts) from error
    said = _stored_feedback(page, voice)
    if said is not None:
        db.session.delete(said)
        db.session.flush()
    db.session.add(
        Feedback(
            id=db.new_id("fbk"),
            page=page,
            voice=voice,
            language=language,
            reason=reason,
            comment=comment,
            user_id=by.id if by else None,
            created_at=db.now(),
        )
    )
    db.session.flush()


def feedback_by(voice: str, page: str) -> bool:
    """Whether this voice has said something of the page."""
    return _stored_feedback(page, voice) is not None


def _stored_feedback(page: str, voice: str) -> Feedback | None:
    return db.session.scalar(select(Feedback).filter_by(page=page, voice=voice))


def purge_expired() -> None:
    """What was said a year ago is dropped whole, with who said it; so what is counted is always
    what readers said in the last year."""
    old = locks.rows(Feedback.id, Feedback.created_at < db.now() - RETENTION, skip_locked=True)
    db.session.execute(delete(Feedback).where(Feedback.id.in_(old)))


def counts_for(actor: Actor) -> list[FeedbackCount]:
    """What the readers of each page said, counted."""
    what = (Feedback.page, Feedback.language, Feedback.reason)
    found = select(*what, func.count()).where(Feedback.visible_to(actor)).group_by(*what)
    return [FeedbackCount(*row) for row in db.session.execute(found)]


def comments_for(actor: Actor, *, after: str = "") -> list[Comment]:
    """What readers wrote, newest first, one more than a page where there is another."""
    what = (Feedback.id, Feedback.page, Feedback.language, Feedback.reason, Feedback.comment)
    found = select(*what, User.email, Feedback.created_at).outerjoin(User)
    found = found.where(Feedback.comment != "", Feedback.visible_to(actor))
    if after:
        found = found.where(Feedback.id < after)
    found = found.order_by(Feedback.id.desc()).limit(PAGE + 1)
    return [Comment(*row) for row in db.session.execute(found)]
