"""The timeline: runs many stories side by side, oldest day first, so that IDs sort by time.

A story is a generator: it does something, yields how long nothing happens, and is resumed when that
time has passed. A story whose next step lies in the future ends there: its customer still waits.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Generator
from datetime import datetime, timedelta

from portal import db
from portal.domain import customers, mail_deliveries
from portal.domain.mail_deliveries import GIVE_UP_AFTER, REPLY_WAIT, MailDelivery

Story = Generator[timedelta, None, None]
DeliveryOutcome = Callable[[str, str], object]
"""Records what becomes of a mail delivery (its ID), claimed with a token."""

DAY = timedelta(days=1)
HISTORY_END = timedelta(hours=2)
"""Before the end of the timeline: stories are resumed until then; later ones have exact minutes."""
PENDING_MAILS = timedelta(hours=1)
"""Mails of the last hour are not sent: they appear in the mailbox when the worker starts."""
OFFICE_OPENS, OFFICE_CLOSES = 8, 17


def seeded_random(seed: str) -> random.Random:
    """Return a generator of random numbers that repeats for the same seed."""
    return random.Random(seed)  # noqa: S311 - no secret


class Timeline:
    """The stories and what happens in them until `end`, the present."""

    def __init__(self, end: datetime) -> None:
        self.end = end
        self.delivery_outcomes: dict[str, DeliveryOutcome] = {}
        """What becomes of the next mail to an address, if it is not delivered."""
        self._rng = seeded_random("diary")
        self._queue: list[tuple[datetime, int, Story]] = []
        self._sequence = 0

    def schedule(self, story: Story, *, days: int = 0, minutes: int = 0) -> None:
        """Start a story that many days ago, in office hours, or that many minutes ago."""
        at = self.end - timedelta(minutes=minutes)
        if days:
            at -= timedelta(days=days)
            at = self._in_office_hours(at - DAY * max(0, at.weekday() - 4))
        self._push(at, story)

    def run(self, on_progress: Callable[[int], object]) -> None:
        """Run all stories up to the present. `on_progress` gets the days passed since its last
        call."""
        day = self._queue[0][0].date()
        while self._queue:
            at, _sequence, story = heapq.heappop(self._queue)
            on_progress((at.date() - day).days)
            day = at.date()
            db.set_now(at)
            pause = next(story, None)
            db.run_deferred()
            if at < self.end - PENDING_MAILS:
                self._deliver_mails()
            if pause is not None and (resumes_at := self._resumes_at(at, pause)):
                self._push(resumes_at, story)

    def _push(self, at: datetime, story: Story) -> None:
        self._sequence += 1
        heapq.heappush(self._queue, (at, self._sequence, story))

    def _resumes_at(self, at: datetime, pause: timedelta) -> datetime | None:
        """Return when a story goes on, on a working day after a pause of days; None if too late."""
        resumes_at = at + pause
        if pause >= DAY:
            is_weekend = resumes_at.weekday() > 4
            resumes_at = self._in_office_hours(
                resumes_at + DAY * (7 - resumes_at.weekday()) * is_weekend
            )
        return resumes_at if resumes_at < self.end - HISTORY_END else None

    def _in_office_hours(self, at: datetime) -> datetime:
        seconds = self._rng.uniform(OFFICE_OPENS * 3600, OFFICE_CLOSES * 3600)
        return at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(seconds=seconds)

    def _deliver_mails(self) -> None:
        """Deliver the pending mails within seconds, except those with another outcome."""
        db.set_now(db.now() + timedelta(seconds=self._rng.uniform(1, 9)))
        while (entry := mail_deliveries.claim_next()) is not None:
            record_outcome = self.delivery_outcomes.pop(entry.recipient, deliver)
            record_outcome(entry.id, entry.token or "")
            if record_outcome is not deliver:
                customers.notify_of_delivery(db.session.get_one(MailDelivery, entry.id))
                db.run_deferred()


def deliver(entry_id: str, token: str) -> None:
    """The relay accepts the mail."""
    mail_deliveries.mark_transmitting(entry_id, token)
    mail_deliveries.record_sent(
        entry_id, token, f"250 2.0.0 Ok: queued as {entry_id[-10:].upper()}"
    )


def refuse(entry_id: str, token: str) -> None:
    """The relay refuses the mail: there is no such mailbox."""
    answer = "550 5.1.1 Recipient address rejected: User unknown in virtual mailbox table"
    mail_deliveries.record_refused(entry_id, token, answer)


def lose_reply(entry_id: str, token: str) -> None:
    """The relay does not reply after the final dot."""
    mail_deliveries.mark_transmitting(entry_id, token)
    db.set_now(db.now() + REPLY_WAIT)
    mail_deliveries.record_no_reply(entry_id, token, "TimeoutError: timed out")


def give_up(entry_id: str, token: str) -> None:
    """The relay defers the mail for four hours."""
    db.set_now(db.now() + GIVE_UP_AFTER)
    mail_deliveries.record_not_handed_over(entry_id, token, "451 4.3.0 Temporary lookup failure")
