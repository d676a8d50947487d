"""Feedback on pages of the guide: whether they helped; counts and comments for operators."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    UniqueConstraint,
    false,
    func,
    select,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import identity, retention, values
from portal.domain.actors import Actor
from portal.domain.errors import Refused
from portal.domain.identity import User
from portal.domain.values import Invalid

PAGE = 50
MAX_COMMENT_LENGTH = 500
RETENTION = timedelta(days=365)


class Reason(StrEnum):
    """Why a page did not help: the four reasons of the seed's front matter."""

    NO_ANSWER = "no-answer"
    NO_USE = "no-use"
    OTHER_TITLE = "other-title"
    OTHER = "other"


class Feedback(db.Base):
    """One reader's feedback on one page, which helped if `reason` is None. `voice` identifies the
    reader: a user's ID, or a random ID that an anonymous browser stores."""

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
        """Only operators read feedback."""
        return true() if actor.is_operator or actor.is_system else false()


class FeedbackCount(NamedTuple):
    """How many readers of a page in a language gave this reason; None: it helped."""

    page: str
    language: str
    reason: Reason | None
    readers: int


class Comment(NamedTuple):
    """A reader's comment; `email` is None for an anonymous reader."""

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
    """Store whether a page helped (no reason) or why not, in place of the reader's earlier feedback
    on it. `voice` is the browser's random ID, `network` the client's IP address.

    Raises Refused("too-much-feedback") with the minutes to wait, or a malformed comment's code.
    """
    voice = by.id if by else voice
    identity.count_feedback(voice, network=network)  # its lock also serialises this reader
    try:
        comment = values.line(comment, limit=MAX_COMMENT_LENGTH) if comment.strip() else ""
    except Invalid as error:
        raise Refused(error.code, field="comment", **error.facts) from error
    previous = _find_feedback(page, voice)
    if previous is not None:
        db.session.delete(previous)
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
    """Whether this reader has given feedback on the page."""
    return _find_feedback(page, voice) is not None


def _find_feedback(page: str, voice: str) -> Feedback | None:
    return db.session.scalar(select(Feedback).filter_by(page=page, voice=voice))


def purge_expired() -> bool:
    """Delete a batch of feedback older than RETENTION; so counts cover the last year. Return
    whether there may be more."""
    return retention.delete_batch(Feedback, Feedback.created_at < db.now() - RETENTION)


def counts_for(actor: Actor) -> list[FeedbackCount]:
    """The number of readers by page, language and reason."""
    columns = (Feedback.page, Feedback.language, Feedback.reason)
    query = select(*columns, func.count()).where(Feedback.visible_to(actor)).group_by(*columns)
    return [FeedbackCount(*row) for row in db.session.execute(query)]


def comments_for(actor: Actor, *, after: str = "") -> list[Comment]:
    """A page of the readers' comments, newest first, and one more if there is a next page."""
    columns = (Feedback.id, Feedback.page, Feedback.language, Feedback.reason, Feedback.comment)
    query = select(*columns, User.email, Feedback.created_at).outerjoin(User)
    query = query.where(Feedback.comment != "", Feedback.visible_to(actor))
    if after:
        query = query.where(Feedback.id < after)
    query = query.order_by(Feedback.id.desc()).limit(PAGE + 1)
    return [Comment(*row) for row in db.session.execute(query)]
