"""The results of a chaos run: the relay's log of accepted mails compared with the database."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import func, select

from portal import db
from portal.domain.customers import Customer
from portal.domain.imports import Import, ImportRow, Outcome, State
from portal.domain.invitations import Invitation
from portal.domain.mail_deliveries import OPEN_STATES, DeliveryState, MailDelivery
from tests.chaos.load import Load

HEADER = (
    "| Fault | Mails | Kills | Writes lost | Mails twice | Mails silently lost | Unknown"
    " (accepted) | Repeated | Seconds to recover |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)
REPORTED = (DeliveryState.REFUSED, DeliveryState.FAILED, DeliveryState.NOT_ARRIVED)


@dataclass
class Row:
    """What happened in a round."""

    fault: str
    kills: int
    seconds: float | None
    mails: int = 0
    lost_writes: set[str] = field(default_factory=set)
    twice: set[str] = field(default_factory=set)
    lost_mails: set[str] = field(default_factory=set)
    unknown: int = 0
    unknown_accepted: int = 0
    repeated: int = 0

    @property
    def is_good(self) -> bool:
        return not (self.lost_writes or self.twice or self.lost_mails)

    def __str__(self) -> str:
        seconds = "never" if self.seconds is None else f"{self.seconds:.0f}"
        return (
            f"| {self.fault} | {self.mails} | {self.kills} | {len(self.lost_writes)}"
            f" | {len(self.twice)} | {len(self.lost_mails)}"
            f" | {self.unknown} ({self.unknown_accepted}) | {self.repeated} | {seconds} |"
        )


def is_settled(load: Load) -> bool:
    """Whether no mail and not this import is on its way."""
    is_open = select(func.count()).where(MailDelivery.state.in_(OPEN_STATES))
    state = select(Import.state).where(Import.id == load.import_id)
    return db.read(
        lambda: db.session.scalar(is_open) == 0 and db.session.scalar(state) is State.OVER
    )


def deliveries() -> dict[str, MailDelivery]:
    """All deliveries by ID, detached."""

    def load() -> dict[str, MailDelivery]:
        found = {delivery.id: delivery for delivery in db.session.scalars(select(MailDelivery))}
        db.session.expunge_all()
        return found

    return db.read(load)


def lost_writes(load: Load) -> set[str]:
    """What was acknowledged and is not there, or is there more than once."""

    def unit() -> set[str]:
        emails = db.session.scalars(
            select(Invitation.email).join(
                Customer, Customer.subaccount_id == Invitation.subaccount_id
            )
        )
        count = Counter(emails)
        mailed = Counter(db.session.scalars(select(MailDelivery.recipient)))
        ids = set(db.session.scalars(select(MailDelivery.id)))
        query = select(ImportRow.outcome).where(ImportRow.import_id == load.import_id)
        outcomes = list(db.session.scalars(query))
        wanted = load.customers | load.rows
        lost = {email for email in wanted if count[email] != 1 or mailed[email] != 1}
        lost |= load.verifications - ids
        lost |= {f"row with outcome {outcome}" for outcome in outcomes if outcome != Outcome.ADDED}
        return lost

    return db.read(unit) | set(load.problems)


def compare(row: Row, mails: list[MailDelivery], accepted: Counter[str]) -> None:
    """Compare these deliveries with the relay's log, which counts the accepted Message-IDs."""
    row.mails = len(mails)
    by_subject: Counter[tuple[str, str]] = Counter()
    for mail in mails:
        count = accepted[mail.message_id]
        if mail.is_once:
            by_subject[mail.kind, mail.about] += count
        elif count > 1:
            row.repeated += count - 1
        if mail.state is DeliveryState.UNKNOWN:
            row.unknown += 1
            row.unknown_accepted += bool(count)
        is_reported = mail.state in (*REPORTED, DeliveryState.UNKNOWN)
        if not count and not is_reported:
            row.lost_mails.add(f"{mail.id} is {mail.state}, but was not accepted")
        if count and mail.is_once and mail.state in REPORTED:
            row.lost_mails.add(f"{mail.id} is {mail.state}, but was accepted")
    row.twice |= {f"{kind} {about}" for (kind, about), count in by_subject.items() if count > 1}
