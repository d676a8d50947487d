"""Mails of notifications: the first of a kind at once, the next ten minutes' in one digest.

A recipient's mails of the last hour are in one row. Its lock lets units of work that notify the
same person count one another.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import JSON, ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import mail_deliveries, values
from portal.domain.actors import Actor
from portal.domain.identity import User
from portal.domain.notifications.record import Kind, Target

MAIL = "notice"
DIGEST_WAIT = timedelta(minutes=10)
"""Between two mails of one kind to one recipient."""
MAILS_PER_SENDER = 10
"""To one recipient in any SENDER_WINDOW; a sender is whose changes the mails are about."""
SENDER_WINDOW = timedelta(hours=1)
MAX_ENTRIES = 20
"""Of a digest; it counts the others."""


class RecentMails(db.Base):
    """The mails to a recipient in the last hour, or due in the next: the fields of `RecentMail`."""

    __tablename__ = "recent_notice_mails"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    mails: Mapped[list[Any]] = mapped_column(JSON)


class RecentMail(NamedTuple):
    """A mail that is due at `due`, in seconds since 1970."""

    delivery_id: str
    kind: str
    sender_id: str
    due: float


def queue(
    user: User, kind: Kind, *, about: str, target: Target, facts: dict[str, str], by: Actor
) -> None:
    """Queue the mail of a notification, or add it to one that waits. It happens at the end of the
    unit of work, by user: before the audit heads, whose keys begin with a letter."""
    entry = {"about": about, "target": asdict(target), "facts": facts}
    db.defer(f"0 {user.id}", partial(_queue, user, kind, entry, by))


def cancel(user: User) -> None:
    """Cancel the mails to a user that still wait, such as the digest of one who is blocked."""
    mail_deliveries.cancel(MAIL, about=user.id)


def erase(about: str) -> None:
    """Take the notifications about a thing out of the mails that are still pending."""
    emptied = []
    for delivery in mail_deliveries.lock_pending(MAIL, mentioning=about):
        entries = [entry for entry in delivery.facts["entries"] if entry["about"] != about]
        delivery.facts = {**delivery.facts, "entries": entries}
        if not entries:
            emptied.append(delivery.id)
    db.session.flush()
    mail_deliveries.delete_pending(emptied)


def _queue(user: User, kind: Kind, entry: dict[str, Any], by: Actor) -> None:
    if not user.is_active:  # stopped later in this unit of work
        return
    row, since = _locked_row(user.id), db.now() - SENDER_WINDOW
    recent = [RecentMail(*mail) for mail in row.mails if RecentMail(*mail).due > since.timestamp()]
    last = next((mail for mail in reversed(recent) if mail.kind == kind), None)
    others = [mail for mail in recent if mail is not last]
    if last is not None:
        due = min(last.due, _next_due(others, kind, by))
        if _add_entry(last.delivery_id, entry, due=due):
            row.mails = [*others, last._replace(due=due)]
            return
    due = _next_due(recent, kind, by)
    delivery = mail_deliveries.add(
        MAIL,
        about=user.id,
        to=values.email(user.email).wire,
        language=user.language,
        facts={"notice": kind, "entries": [entry], "more": 0},
        run_at=datetime.fromtimestamp(due, UTC),
    )
    row.mails = [*recent, RecentMail(delivery.id, kind, by.id, due)]


def _next_due(recent: list[RecentMail], kind: Kind, by: Actor) -> float:
    """When a mail of this kind may be sent that `by` causes; within SENDER_WINDOW, whatever the
    clock said before."""
    now = db.now().timestamp()
    window = SENDER_WINDOW.total_seconds()
    limits = [mail.due + DIGEST_WAIT.total_seconds() for mail in recent if mail.kind == kind]
    own = sorted(mail.due for mail in recent if mail.sender_id == by.id)
    if len(own) >= MAILS_PER_SENDER and not by.is_system:
        limits.append(own[-MAILS_PER_SENDER] + window)
    return min(max([now, *limits]), now + window)


def _add_entry(delivery_id: str, entry: dict[str, Any], *, due: float) -> bool:
    """Add an entry to a mail that is due at `due` at the latest. False if a worker has it."""
    delivery = mail_deliveries.lock_untried(delivery_id, run_by=datetime.fromtimestamp(due, UTC))
    if delivery is None:
        return False
    facts = dict(delivery.facts)
    if len(facts["entries"]) < MAX_ENTRIES:
        facts["entries"] = [*facts["entries"], entry]
    else:
        facts["more"] += 1
    delivery.facts = facts
    db.session.flush()
    return True


def _locked_row(user_id: str) -> RecentMails:
    """The recipient's row, created if it is missing, locked until the commit by the upsert."""
    upsert = text(
        "INSERT INTO recent_notice_mails (user_id, mails) VALUES (:user_id, '[]')"
        " ON CONFLICT (user_id) DO UPDATE SET mails = recent_notice_mails.mails"
    )
    db.session.execute(upsert, {"user_id": user_id})
    return db.session.get_one(RecentMails, user_id, populate_existing=True)
