"""What must happen outside, kept until it has.

An entry commits with the change that caused it. A worker claims it with a random token and a lease,
hands it over, and marks it `transmitting` at the last moment at which a mail provably has not left:
before the final dot. The mark is a compare-and-set by token, so a paused or late worker finds that
the entry is no longer its own. A mail that is sent once (`is_once`) never leaves `transmitting`
except with evidence; silence makes it `unknown`, for good.
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
"""Time for everything before the mark; each worker step before it is far shorter."""
REPLY_WAIT = timedelta(minutes=10)
"""RFC 5321, 4.5.3.2.6: a client waits ten minutes for the reply to the final dot."""
REPLY_LEASE = REPLY_WAIT + timedelta(minutes=1)
"""Longer, so that a reply in the last second is written down before others give it up."""
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
    """One message to the outside. `facts` are frozen: the mail is rendered when it is sent."""

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
    """Queue a message; it leaves after the commit. `about` is the ID of what it speaks of."""
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
    """A message that has not left does not leave; one already being transmitted can't be held, but
    should the relay not have taken it, it does not go again: `finished_at` remembers that."""
    is_leaving = OutboxEntry.state == Delivery.TRANSMITTING
    db.session.execute(
        update(OutboxEntry)  # one statement, or the entry could slip between two of them
        .where(OutboxEntry.kind == kind, OutboxEntry.about == about)
        .where(OutboxEntry.state.in_(OPEN_STATES))
        .values(
            state=case((is_leaving, OutboxEntry.state), else_=Delivery.CANCELLED),
            claim=case((is_leaving, OutboxEntry.claim), else_=None),
            finished_at=db.now(),
        )
    )


def has_work() -> bool:
    """Whether anything is due or was abandoned; reads only, so idle workers lock nothing."""
    found = select(OutboxEntry.id).where(or_(_due(), _abandoned()))
    return db.session.scalar(found.limit(1)) is not None


def claim() -> OutboxEntry | None:
    """Take the next due entry, with a fresh token, for the length of the lease."""
    now = db.now()
    entry = db.session.scalar(
        select(OutboxEntry)
        .where(_due())
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
    """From here on the message may have left. False: the entry is no longer ours, hang up."""
    now = db.now()
    held = _claimed_by(entry_id, token, Delivery.CLAIMED).where(OutboxEntry.leased_until >= now)
    values = {"state": Delivery.TRANSMITTING, "leased_until": now + REPLY_LEASE}
    return _updates_one(held.values(values))


def record_sent(entry_id: str, token: str, answer: str) -> bool:
    """The relay took it, and said so in these words."""
    return _finish(entry_id, token, Delivery.SENT, answer)


def record_refused(entry_id: str, token: str, answer: str) -> bool:
    """The relay said no for good (5xx), in these words."""
    return _finish(entry_id, token, Delivery.REFUSED, answer)


def record_no_reply(entry_id: str, token: str, answer: str) -> bool:
    """No reply came. After the mark nobody can know whether it left: a mail that is sent once is
    parked as unknown, for good; all others go again."""
    entry = db.lock(OutboxEntry, entry_id)
    if entry.is_once and entry.state is Delivery.TRANSMITTING:
        return _finish(entry_id, token, Delivery.UNKNOWN, answer)
    return record_not_handed_over(entry_id, token, answer)


def record_not_handed_over(entry_id: str, token: str, answer: str) -> bool:
    """It provably was not handed over: again later, for four hours, then it has failed."""
    entry = db.lock(OutboxEntry, entry_id)
    now = db.now()
    if entry.finished_at is not None:
        return _finish(entry_id, token, Delivery.CANCELLED, answer)
    if now - entry.created_at >= GIVE_UP_AFTER:
        return _finish(entry_id, token, Delivery.FAILED, answer)
    wait = RETRY_AFTER[min(entry.tries, len(RETRY_AFTER)) - 1]
    values = {"state": Delivery.PENDING, "claim": None, "due_at": now + wait, "answer": answer}
    return _updates_one(_claimed_by(entry_id, token, *OPEN_STATES).values(values))


def park_abandoned() -> list[str]:
    """Entries whose worker died after the mark: once-only mails become unknown, others go again.

    Those whose workers died before it, time and again for four hours, have failed. Returns the IDs
    of those that are unknown or have failed now.
    """
    now = db.now()
    parked = db.session.execute(
        update(OutboxEntry)
        .where(_unlocked(_abandoned(), OutboxEntry.is_once))
        .values(state=Delivery.UNKNOWN, claim=None, finished_at=now)
        .returning(OutboxEntry.id)
    )
    ended = list(parked.scalars())
    again = case((OutboxEntry.finished_at.is_(None), Delivery.PENDING), else_=Delivery.CANCELLED)
    db.session.execute(
        update(OutboxEntry)
        .where(_unlocked(_abandoned(), ~OutboxEntry.is_once))
        .values(state=again, claim=None, due_at=now)
    )
    is_given_up = and_(
        OutboxEntry.state == Delivery.CLAIMED,
        OutboxEntry.tries > len(RETRY_AFTER),
        OutboxEntry.created_at <= now - GIVE_UP_AFTER,
    )
    failed = db.session.execute(
        update(OutboxEntry)
        .where(_unlocked(is_given_up, _lease_is_over()))
        .values(state=Delivery.FAILED, claim=None, finished_at=now, answer=WORKERS_DIED)
        .returning(OutboxEntry.id)
    )
    return ended + list(failed.scalars())


def park_restored() -> int:
    """After an older state of the database came back, nobody can know whether a mail that is sent
    once has left since: those that had not are unknown now. Returns how many.

    Source: the once-only promise; a restore is one of its rows.
    """
    parked = db.session.execute(
        update(OutboxEntry)
        .where(OutboxEntry.is_once, OutboxEntry.state.in_(OPEN_STATES))
        .values(state=Delivery.UNKNOWN, claim=None, finished_at=db.now())
        .returning(OutboxEntry.id)
    )
    return len(parked.all())


def get(entry_id: str) -> OutboxEntry:
    """An entry whose ID one has from `add`."""
    return db.session.scalars(select(OutboxEntry).where(OutboxEntry.id == entry_id)).one()


def latest(kind: str, *, about: str) -> OutboxEntry | None:
    """The newest entry of this kind about this thing, for showing its delivery."""
    return db.session.scalar(
        select(OutboxEntry)
        .where(OutboxEntry.kind == kind, OutboxEntry.about == about)
        .order_by(OutboxEntry.id.desc())
        .limit(1)
    )


def _due() -> ColumnElement[bool]:
    return or_(
        and_(OutboxEntry.state == Delivery.PENDING, OutboxEntry.due_at <= db.now()),
        and_(OutboxEntry.state == Delivery.CLAIMED, _lease_is_over()),
    )


def _abandoned() -> ColumnElement[bool]:
    return and_(OutboxEntry.state == Delivery.TRANSMITTING, _lease_is_over())


def _unlocked(*which: ColumnExpressionArgument[bool]) -> ColumnElement[bool]:
    """Of these entries those that nobody has locked now; the others have their turn later."""
    return OutboxEntry.id.in_(locks.rows(OutboxEntry.id, *which, skip_locked=True))


def _lease_is_over() -> ColumnElement[bool]:
    return OutboxEntry.leased_until < db.now()


def _claimed_by(entry_id: str, token: str, *states: Delivery) -> Any:
    return update(OutboxEntry).where(
        OutboxEntry.id == entry_id, OutboxEntry.claim == token, OutboxEntry.state.in_(states)
    )


def _finish(entry_id: str, token: str, state: Delivery, answer: str) -> bool:
    values = {"state": state, "claim": None, "finished_at": db.now(), "answer": answer}
    return _updates_one(_claimed_by(entry_id, token, *OPEN_STATES).values(values))


def _updates_one(statement: Any) -> bool:
    return _row_count(db.session.execute(statement)) == 1


def _row_count(result: Any) -> int:
    count: int = result.rowcount
    return count
