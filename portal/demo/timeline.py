"""The diary: many stories told side by side, the oldest day first, so that IDs sort by time.

A story does something, yields how long nothing happens, and is asked to go on when its time has
come. One whose time lies ahead has simply not gone on yet: its customer still waits.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Generator
from datetime import datetime, timedelta

from portal import db
from portal.domain import customers, outbox
from portal.domain.outbox import GIVE_UP_AFTER, REPLY_WAIT, OutboxEntry

Story = Generator[timedelta, None, None]

DAY = timedelta(days=1)
PRESENT = timedelta(hours=2)
"""Stories of longer ago go on until here; what comes after is told by the minute."""
FRESH = timedelta(hours=1)
"""Mails of the last hour have not left yet: those are the ones that the mailbox will show."""
OPENS, CLOSES = 8, 17


def luck(seed: str) -> random.Random:
    """Chance that falls the same each time."""
    return random.Random(seed)  # noqa: S311 - no secret


class Diary:
    """What happens until `started`, the instant at which the demonstration begins."""

    def __init__(self, started: datetime) -> None:
        self.started = started
        self.fates: dict[str, Fate] = {}
        """What becomes of the next mail to an address, where it is not simply taken."""
        self._chance = luck("diary")
        self._ahead: list[tuple[datetime, int, Story]] = []
        self._number = 0

    def begin(self, story: Story, *, days: int = 0, minutes: int = 0) -> None:
        """A story begins so many days ago, in office hours, or so many minutes ago."""
        at = self.started - timedelta(minutes=minutes)
        if days:
            at -= timedelta(days=days)
            at = self._in_office_hours(at - DAY * max(0, at.weekday() - 4))
        self._put(at, story)

    def tell(self, told: Callable[[int], object]) -> None:
        """All stories up to the present. `told` hears how many days have been told since."""
        day = self._ahead[0][0].date()
        while self._ahead:
            at, _number, story = heapq.heappop(self._ahead)
            told((at.date() - day).days)
            day = at.date()
            db.set_now(at)
            wait = next(story, None)
            if at < self.started - FRESH:
                self._deliver()
            if wait is not None and (later := self._later(at, wait)):
                self._put(later, story)

    def _put(self, at: datetime, story: Story) -> None:
        self._number += 1
        heapq.heappush(self._ahead, (at, self._number, story))

    def _later(self, at: datetime, wait: timedelta) -> datetime | None:
        later = at + wait
        if wait >= DAY:
            is_weekend = later.weekday() > 4
            later = self._in_office_hours(later + DAY * (7 - later.weekday()) * is_weekend)
        return later if later < self.started - PRESENT else None

    def _in_office_hours(self, at: datetime) -> datetime:
        seconds = self._chance.uniform(OPENS * 3600, CLOSES * 3600)
        return at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(seconds=seconds)

    def _deliver(self) -> None:
        """Mails of long ago were handed over then, seconds later, but for a few."""
        db.set_now(db.now() + timedelta(seconds=self._chance.uniform(1, 9)))
        while (entry := outbox.claim()) is not None:
            fate = self.fates.pop(entry.recipient, taken)
            fate(entry.id, entry.claim or "")
            if fate is not taken:
                customers.notify_of_delivery(db.session.get_one(OutboxEntry, entry.id))


Fate = Callable[[str, str], object]


def taken(entry_id: str, token: str) -> None:
    """The relay took it."""
    outbox.mark_transmitting(entry_id, token)
    outbox.record_sent(entry_id, token, f"250 2.0.0 Ok: queued as {entry_id[-10:].upper()}")


def refused(entry_id: str, token: str) -> None:
    """There is no such mailbox."""
    said = "550 5.1.1 Recipient address rejected: User unknown in virtual mailbox table"
    outbox.record_refused(entry_id, token, said)


def unanswered(entry_id: str, token: str) -> None:
    """The relay fell silent after the final dot."""
    outbox.mark_transmitting(entry_id, token)
    db.set_now(db.now() + REPLY_WAIT)
    outbox.record_no_reply(entry_id, token, "TimeoutError: timed out")


def unreachable(entry_id: str, token: str) -> None:
    """The relay did not want it for four hours."""
    db.set_now(db.now() + GIVE_UP_AFTER)
    outbox.record_not_handed_over(entry_id, token, "451 4.3.0 Temporary lookup failure")
