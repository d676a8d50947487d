"""Outbox: messages to the outside, kept until they are delivered.

An entry commits with the change that caused it. A worker claims it with a random token and a lease,
and marks it `transmitting` just before SMTP's final dot, the last moment at which the mail has
certainly not left. The mark is a compare-and-set by token, so a paused or late worker notices that
it has lost the entry. A mail that is sent at most once (`is_once`) leaves `transmitting` only by a
reply; without one it becomes `unknown` and is never retried.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ColumnExpressionArgument,
    Index,
    and_,
    case,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import locks

LEASE = timedelta(minutes=5)
"""For all steps before the mark, each of which takes far less."""
REPLY_WAIT = timedelta(minutes=10)
"""RFC 5321, 4.5.3.2.6: a client waits ten minutes for the reply to the final dot."""
REPLY_LEASE = REPLY_WAIT + timedelta(minutes=1)
"""Longer than REPLY_WAIT, so that a reply in the last second is recorded before the lease ends."""
GIVE_UP_AFTER = timedelta(hours=4)
RETRY_AFTER = tuple(timedelta(seconds=s) for s in (15, 60, 180, 300, 600, 900))

WORKERS_DIED = "the mail worker ended at every try; see its log"


class Delivery(StrEnum):
    PENDING = "pending"
    CLAIMED = "claimed"
    TRANSMITTING = "transmitting"
    SENT = "sent"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


OPEN_STATES = (Delivery.PENDING, Delivery.CLAIMED, Delivery.TRANSMITTING)


class OutboxEntry(db.Base):
    """A message to the outside. The mail is rendered from `facts`, which are frozen, when sent."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "uq_outbox_once",
            "kind",
            "about",
            unique=True,
            sqlite_where=text("is_once"),
            postgresql_where=text("is_once"),
        ),
        Index("ix_outbox_due", "state", "due_at"),
        Index("ix_outbox_about", "about"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    about: Mapped[str]
    recipient: Mapped[str]
    language: Mapped[str]
    facts: Mapped[dict[str, Any]]
    message_id: Mapped[str]
    is_once: Mapped[bool]
    state: Mapped[Delivery] = mapped_column(db.enum_column(Delivery, "state"))
    tries: Mapped[int] = mapped_column(default=0)
    claim: Mapped[str | None]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    answer: Mapped[str | None]


def add(
    kind: str, *, about: str, to: str, language: str, facts: dict[str, Any], once: bool = False
) -> OutboxEntry:
    """Queue a message; it is sent after the commit. `about` is the ID of its subject."""
    now = db.now()
    entry = OutboxEntry(
        id=db.new_id("out"),
        kind=kind,
        about=about,
        recipient=to,
        language=language,
        facts=facts,
        message_id=secrets.token_hex(16),
        is_once=once,
        state=Delivery.PENDING,
        created_at=now,
        due_at=now,
    )
    db.session.add(entry)
    db.session.flush()
    return entry


def cancel(kind: str, *, about: str) -> None:
    """Cancel an unsent message. One in transmission can't be stopped, but setting its `finished_at`
    prevents a retry."""
    is_leaving = OutboxEntry.state == Delivery.TRANSMITTING
    db.session.execute(
        update(OutboxEntry)  # one statement: the state could change between two
        .where(OutboxEntry.kind == kind, OutboxEntry.about == about)
        .where(OutboxEntry.state.in_(OPEN_STATES))
        .values(
            state=case((is_leaving, OutboxEntry.state), else_=Delivery.CANCELLED),
            claim=case((is_leaving, OutboxEntry.claim), else_=None),
            finished_at=db.now(),
        )
    )


def has_work() -> bool:
    """Whether an entry is due or abandoned; only reads, so that idle workers lock nothing."""
    query = select(OutboxEntry.id).where(or_(_is_due(), _is_abandoned()))
    return db.session.scalar(query.limit(1)) is not None


def claim_next() -> OutboxEntry | None:
    """Claim the next due entry, with a new token, until the lease ends; None if nothing is due."""
    now = db.now()
    entry = db.session.scalar(
        select(OutboxEntry)
        .where(_is_due())
        .order_by(OutboxEntry.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if entry is None:
        return None
    entry.state = Delivery.CLAIMED
    entry.claim = secrets.token_hex(16)
    entry.leased_until = now + LEASE
    entry.tries += 1
    db.session.flush()
    return entry


def mark_transmitting(entry_id: str, token: str) -> bool:
    """Mark that the message may leave from now on. False if this worker has lost the entry: it must
    hang up."""
    now = db.now()
    statement = _update_claimed(entry_id, token, Delivery.CLAIMED)
    statement = statement.where(OutboxEntry.leased_until >= now)
    values = {"state": Delivery.TRANSMITTING, "leased_until": now + REPLY_LEASE}
    return _execute_update(statement.values(values))


def record_sent(entry_id: str, token: str, answer: str) -> bool:
    """Record that the relay accepted the message, with its reply. False if the claim is lost."""
    return _finish(entry_id, token, Delivery.SENT, answer)


def record_refused(entry_id: str, token: str, answer: str) -> bool:
    """Record a permanent refusal (5xx), with the relay's reply. False if the claim is lost."""
    return _finish(entry_id, token, Delivery.REFUSED, answer)


def record_no_reply(entry_id: str, token: str, answer: str) -> bool:
    """Record that no reply came. After the mark the message may have left: a mail that is sent at
    most once becomes unknown; others are retried."""
    entry = db.lock(OutboxEntry, entry_id)
    if entry.is_once and entry.state is Delivery.TRANSMITTING:
        return _finish(entry_id, token, Delivery.UNKNOWN, answer)
    return record_not_handed_over(entry_id, token, answer)


def record_not_handed_over(entry_id: str, token: str, answer: str) -> bool:
    """Record that the message certainly was not handed over: retry later, or, once the entry is
    older than GIVE_UP_AFTER, fail."""
    entry = db.lock(OutboxEntry, entry_id)
    now = db.now()
    if entry.finished_at is not None:
        return _finish(entry_id, token, Delivery.CANCELLED, answer)
    if now - entry.created_at >= GIVE_UP_AFTER:
        return _finish(entry_id, token, Delivery.FAILED, answer)
    wait = RETRY_AFTER[min(entry.tries, len(RETRY_AFTER)) - 1]
    values = {"state": Delivery.PENDING, "claim": None, "due_at": now + wait, "answer": answer}
    return _execute_update(_update_claimed(entry_id, token, *OPEN_STATES).values(values))


def park_abandoned() -> list[str]:
    """Settle entries whose worker died. After the mark, a mail that is sent at most once becomes
    unknown, and others are retried. Before it, an entry older than GIVE_UP_AFTER fails.

    Returns the IDs of the entries that are unknown or failed now.
    """
    now = db.now()
    unknown = db.session.execute(
        update(OutboxEntry)
        .where(_is_unlocked(_is_abandoned(), OutboxEntry.is_once))
        .values(state=Delivery.UNKNOWN, claim=None, finished_at=now)
        .returning(OutboxEntry.id)
    )
    ids = list(unknown.scalars())
    state = case((OutboxEntry.finished_at.is_(None), Delivery.PENDING), else_=Delivery.CANCELLED)
    db.session.execute(
        update(OutboxEntry)
        .where(_is_unlocked(_is_abandoned(), ~OutboxEntry.is_once))
        .values(state=state, claim=None, due_at=now)
    )
    is_too_old = and_(
        OutboxEntry.state == Delivery.CLAIMED,
        OutboxEntry.tries > len(RETRY_AFTER),
        OutboxEntry.created_at <= now - GIVE_UP_AFTER,
    )
    failed = db.session.execute(
        update(OutboxEntry)
        .where(_is_unlocked(is_too_old, _is_lease_over()))
        .values(state=Delivery.FAILED, claim=None, finished_at=now, answer=WORKERS_DIED)
        .returning(OutboxEntry.id)
    )
    return ids + list(failed.scalars())


def park_restored() -> int:
    """After a restore, make open mails that are sent at most once unknown: they may have left since
    the backup. Returns how many.
    """
    result = db.session.execute(
        update(OutboxEntry)
        .where(OutboxEntry.is_once, OutboxEntry.state.in_(OPEN_STATES))
        .values(state=Delivery.UNKNOWN, claim=None, finished_at=db.now())
        .returning(OutboxEntry.id)
    )
    return len(result.all())


def get(entry_id: str) -> OutboxEntry:
    """The entry with this ID, which must exist."""
    return db.session.scalars(select(OutboxEntry).where(OutboxEntry.id == entry_id)).one()


def latest(kind: str, *, about: str) -> OutboxEntry | None:
    """The newest entry of this kind about this thing; None if there is none."""
    return db.session.scalar(
        select(OutboxEntry)
        .where(OutboxEntry.kind == kind, OutboxEntry.about == about)
        .order_by(OutboxEntry.id.desc())
        .limit(1)
    )


def _is_due() -> ColumnElement[bool]:
    return or_(
        and_(OutboxEntry.state == Delivery.PENDING, OutboxEntry.due_at <= db.now()),
        and_(OutboxEntry.state == Delivery.CLAIMED, _is_lease_over()),
    )


def _is_abandoned() -> ColumnElement[bool]:
    return and_(OutboxEntry.state == Delivery.TRANSMITTING, _is_lease_over())


def _is_unlocked(*conditions: ColumnExpressionArgument[bool]) -> ColumnElement[bool]:
    """The condition for entries that match and that no other transaction has locked."""
    ids = locks.select_for_update(OutboxEntry.id, *conditions, skip_locked=True)
    return OutboxEntry.id.in_(ids)


def _is_lease_over() -> ColumnElement[bool]:
    return OutboxEntry.leased_until < db.now()


def _update_claimed(entry_id: str, token: str, *states: Delivery) -> Any:
    """An UPDATE of the entry while it is in one of these states and claimed with this token."""
    return update(OutboxEntry).where(
        OutboxEntry.id == entry_id, OutboxEntry.claim == token, OutboxEntry.state.in_(states)
    )


def _finish(entry_id: str, token: str, state: Delivery, answer: str) -> bool:
    values = {"state": state, "claim": None, "finished_at": db.now(), "answer": answer}
    return _execute_update(_update_claimed(entry_id, token, *OPEN_STATES).values(values))


def _execute_update(statement: Any) -> bool:
    """Execute the UPDATE; whether it changed a row."""
    result: Any = db.session.execute(statement)
    return bool(result.rowcount == 1)
