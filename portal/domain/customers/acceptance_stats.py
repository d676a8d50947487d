"""Acceptance at a glance: of the customers added in a week, how many answered what."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy import select

from portal import db
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.customers.record import Customer
from portal.domain.invitations import Answer, Invitation

WEEKS = 26


class Week(NamedTuple):
    """The customers added in the week that begins on this Monday (UTC), by their answer so far."""

    begins_on: date
    confirmed: int
    declined: int
    withdrawn: int
    waiting: int

    @property
    def added(self) -> int:
        return self.confirmed + self.declined + self.withdrawn + self.waiting


def acceptance_by_week(actor: Actor, partner: BillingAccount) -> list[Week]:
    """The last 26 weeks, oldest first, this one included; weeks without a customer, too."""
    today = db.now().date()
    this_monday = today - timedelta(days=today.weekday())
    mondays = [this_monday - timedelta(weeks=back) for back in range(WEEKS - 1, -1, -1)]
    counted: dict[date, dict[Answer | None, int]] = {monday: {} for monday in mondays}
    found = (
        select(Customer.created_at, Invitation.answer)
        .join(Invitation, Invitation.subaccount_id == Customer.subaccount_id)
        .where(Customer.partner_id == partner.id, Customer.visible_to(actor))
        .where(Customer.created_at >= datetime.combine(mondays[0], time.min, UTC))
    )
    for created_at, answer in db.session.execute(found):
        day = created_at.date()
        week = counted[day - timedelta(days=day.weekday())]
        week[answer] = week.get(answer, 0) + 1
    return [
        Week(
            monday,
            by.get(Answer.CONFIRMED, 0),
            by.get(Answer.DECLINED, 0),
            by.get(Answer.WITHDRAWN, 0),
            by.get(None, 0),
        )
        for monday, by in counted.items()
    ]
