"""Closing by the clock: the worker begins it, notifies people, closes the month."""

from __future__ import annotations

from sqlalchemy import select

from portal import db
from portal.domain.actors import WORKER
from portal.domain.billing_months import BillingMonth, State
from portal.domain.statements import months, people


def advance() -> bool:
    """Do the next step of what is due. Return whether there may be more."""
    month_on = months.next_by_itself()
    if month_on is not None:
        months.finalise(month_on, by=WORKER)
        return True
    is_finalising = BillingMonth.state == State.FINALISING
    month = db.session.scalar(select(BillingMonth).where(is_finalising))
    if month is not None:
        if people.tell_some_of_finalising(month.month_on):
            return True
        is_due = month.closes_at is not None and month.closes_at <= db.now()
        waits = months.is_delivery_staged(month.month_on) or months.is_rate_waiting()
        if is_due and not waits:
            months.close(month.month_on, by=WORKER)
            return True
    return False
