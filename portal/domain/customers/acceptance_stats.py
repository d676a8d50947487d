"""Acceptance statistics: how the customers added in each week answered their invitation."""

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
    """Counts of the customers added in one week by their answer; `begins_on` is a Monday (UTC)."""

    begins_on: date
    confirmed: int
    declined: int
    withdrawn: int
    waiting: int

    @property
    def added(self) -> int:
        return self.confirmed + self.declined + self.withdrawn + self.waiting


def acceptance_by_week(actor: Actor, partner: BillingAccount) -> list[Week]:
    """Return the last 26 weeks, oldest first, including the current week and empty weeks."""
    today = db.now().date()
    this_monday = today - timedelta(days=today.weekday())
    mondays = [this_monday - timedelta(weeks=weeks) for weeks in range(WEEKS - 1, -1, -1)]
    counts: dict[date, dict[Answer | None, int]] = {monday: {} for monday in mondays}
    query = (
        select(Customer.created_at, Invitation.answer)
        .join(Invitation, Invitation.subaccount_id == Customer.subaccount_id)
        .where(Customer.partner_id == partner.id, Customer.visible_to(actor))
        .where(Customer.created_at >= datetime.combine(mondays[0], time.min, UTC))
    )
    for created_at, answer in db.session.execute(query):
        day = min(created_at.date(), today)  # the clock may have been set back
        by_answer = counts[day - timedelta(days=day.weekday())]
        by_answer[answer] = by_answer.get(answer, 0) + 1
    return [
        Week(
            begins_on=monday,
            confirmed=by_answer.get(Answer.CONFIRMED, 0),
            declined=by_answer.get(Answer.DECLINED, 0),
            withdrawn=by_answer.get(Answer.WITHDRAWN, 0),
            waiting=by_answer.get(None, 0),
        )
        for monday, by_answer in counts.items()
    ]
