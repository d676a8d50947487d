"""Due days: which UTC days a connection has to deliver, or to deliver again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta

from portal.domain import billing_months

SETTLES_AFTER = timedelta(hours=3)
"""Of the end of a day: until then its usage still comes in."""
ON_DAYS_AFTER = (1, 2, 3)
"""On which days after it a day is fetched, since usage comes in late."""
AFTER_CLOSING = (7, 35)
"""On which days after the closing of a month all its days are fetched again."""
DAY = timedelta(days=1)


def due_days(
    first: date,
    *,
    now: datetime,
    delivered: Mapping[date, datetime],
    closed: Mapping[date, datetime] | None = None,
) -> list[date]:
    """The days that are due at this moment, the newest first. `first` is the first day of open
    months that counts, `delivered` says when a day was delivered last, `closed` when a month was
    closed, by its first day."""
    today, closed = fetching_day(now), closed or {}

    def is_due(day: date) -> bool:
        moments = [day + DAY * number for number in ON_DAYS_AFTER]
        if (closed_at := closed.get(billing_months.month_of(day))) is not None:
            moments += [closed_at.date() + DAY * number for number in AFTER_CLOSING]
        last = max((moment for moment in moments if moment <= today), default=None)
        is_behind = day not in delivered or (last and fetching_day(delivered[day]) < last)
        return last is not None and bool(is_behind)

    months = [day for month_on in closed for day in _days_of(month_on)]
    candidates = {*days_between(first, today), *months}
    return sorted(filter(is_due, candidates), reverse=True)


def fetching_day(moment: datetime) -> date:
    """The UTC day to which what happens at this moment belongs; those before it are over."""
    return (moment - SETTLES_AFTER).date()


def days_between(first: date, end: date) -> Iterator[date]:
    """The days from the first up to the end, without it."""
    while first < end:
        yield first
        first += DAY


def month_before(day: date) -> date:
    """The first day of the month before that of the day."""
    return billing_months.month_of(billing_months.month_of(day) - DAY)


def next_month(month_on: date) -> date:
    """The first day of the month after it."""
    return (month_on.replace(day=28) + DAY * 4).replace(day=1)


def _days_of(month_on: date) -> Iterator[date]:
    return days_between(month_on, next_month(month_on))
