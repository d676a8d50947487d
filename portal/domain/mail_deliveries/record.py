"""The record of a mail delivery: its states, queueing, look-up."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Index, String, cast, select, text
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import jobs, locks
from portal.domain.jobs import Job

KINDS = (jobs.Kind.MAIL_NOW, jobs.Kind.MAIL)
URGENT = {
    "account-blocked",
    "account-exists",
    "email-change",
    "email-changed",
    "password-changed",
    "password-reset",
    "verification",
}
"""Mails that somebody waits for, or that protect an account; they have a lane of their own."""

WORKER_DIED, FAULT, RESTORED = "worker-died", "fault", "restored"
"""Codes of outcomes that no relay has given."""


class DeliveryState(StrEnum):
    PENDING = "pending"
    CLAIMED = "claimed"
    TRANSMITTING = "transmitting"
    SENT = "sent"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_ARRIVED = "not_arrived"
    ARRIVED = "arrived"
    CANCELLED = "cancelled"


OPEN_STATES = (DeliveryState.PENDING, DeliveryState.CLAIMED, DeliveryState.TRANSMITTING)
NOT_DELIVERED = (DeliveryState.FAILED, DeliveryState.REFUSED, DeliveryState.NOT_ARRIVED)
"""States that prove that the mail did not arrive; only then it may be sent again."""
MAY_HAVE_LEFT = f"is_once AND state NOT IN {tuple(map(str, NOT_DELIVERED))}"

JOB_STATES = {
    DeliveryState.SENT: jobs.State.DONE,
    DeliveryState.ARRIVED: jobs.State.DONE,
    DeliveryState.REFUSED: jobs.State.FAILED,
    DeliveryState.FAILED: jobs.State.FAILED,
    DeliveryState.NOT_ARRIVED: jobs.State.FAILED,
    DeliveryState.UNKNOWN: jobs.State.PARKED,
    DeliveryState.CANCELLED: jobs.State.CANCELLED,
}


class MailDelivery(db.Base):
    """A mail, rendered from `facts`, which are frozen, when it is sent. `answer` has the relay's
    words, `code` its reply code or one of ours."""

    __tablename__ = "mail_deliveries"
    __table_args__ = (
        Index(
            "uq_mail_deliveries_once",
            "kind",
            "about",
            unique=True,
            sqlite_where=text(MAY_HAVE_LEFT),
            postgresql_where=text(MAY_HAVE_LEFT),
        ),
        Index("ix_mail_deliveries_about", "about"),
        Index("ix_mail_deliveries_finished_at", "finished_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    about: Mapped[str]
    recipient: Mapped[str]
    language: Mapped[str]
    facts: Mapped[dict[str, Any]]
    message_id: Mapped[str]
    is_once: Mapped[bool]
    state: Mapped[DeliveryState] = mapped_column(db.enum_column(DeliveryState, "state"))
    attempts: Mapped[int] = mapped_column(default=0)
    token: Mapped[str | None]
    created_at: Mapped[datetime]
    first_tried_at: Mapped[datetime | None]
    leased_until: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    code: Mapped[str | None]
    answer: Mapped[str | None]


def add(
    kind: str,
    *,
    about: str,
    to: str,
    language: str,
    facts: dict[str, Any],
    once: bool = False,
    lane: jobs.Kind | None = None,
    run_at: datetime | None = None,
) -> MailDelivery:
    """Queue a mail; it is sent after the commit, or from `run_at`. `about` is the ID of its
    subject, and never an address; `lane` is the kind of its job, by default that of the mail's
    kind."""
    delivery = MailDelivery(
        id=db.new_id("out"),
        kind=kind,
        about=about,
        recipient=to,
        language=language,
        facts=facts,
        message_id=jobs.new_token(),
        is_once=once,
        state=DeliveryState.PENDING,
        created_at=db.now(),
    )
    db.session.add(delivery)
    db.session.flush()
    job_kind = lane or (jobs.Kind.MAIL_NOW if kind in URGENT else jobs.Kind.MAIL)
    jobs.add(job_kind, key=lane_of(delivery.id), subject=("mail", delivery.id), run_at=run_at)
    return delivery


def get(delivery_id: str) -> MailDelivery:
    """The delivery with this ID, which must exist."""
    return db.session.scalars(select(MailDelivery).where(MailDelivery.id == delivery_id)).one()


def latest(kind: str, *, about: str) -> MailDelivery | None:
    """The newest delivery of this kind about this thing; None if there is none."""
    return db.session.scalar(
        select(MailDelivery)
        .where(MailDelivery.kind == kind, MailDelivery.about == about)
        .order_by(MailDelivery.id.desc())
        .limit(1)
    )


def lane_of(delivery_id: str) -> str:
    """The key of the delivery's job."""
    return f"mail:{delivery_id}"


def mentions(thing_id: str) -> ColumnElement[bool]:
    """The condition for mails whose facts hold this ID."""
    return cast(MailDelivery.facts, String).contains(thing_id, autoescape=True)


def lock_where(*conditions: ColumnElement[bool], limit: int | None = None) -> list[str]:
    """Lock the deliveries under these conditions, their jobs first; return their IDs."""
    ids = db.session.scalars(select(MailDelivery.id).where(*conditions).limit(limit)).all()
    db.session.execute(locks.select_for_update(Job.id, Job.key.in_(map(lane_of, ids)))).all()
    locked = locks.select_for_update(MailDelivery.id, MailDelivery.id.in_(ids), *conditions)
    return list(db.session.scalars(locked))
