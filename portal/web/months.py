"""Months in URLs: `?month=2026-11`, with the months before and after it."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from flask import request

from portal.domain import billing_days, reports


class Months(NamedTuple):
    """The month that a page shows; `previous` and `next` are None where there is nothing."""

    shown: date
    previous: date | None
    next: date | None

    @property
    def before(self) -> date:
        """The month before the shown one."""
        return reports.shift(self.shown, -1)


def shown_month(first: date | None) -> Months:
    """The month in the URL, else the current one; `first` is the first with anything to show."""
    current = billing_days.today().replace(day=1)
    try:
        shown = date.fromisoformat(f"{request.args.get('month', '')[:7]}-01")
    except ValueError:
        shown = current
    shown = max(min(shown, current), first or current)
    has_previous = first is not None and first < shown
    return Months(
        shown,
        reports.shift(shown, -1) if has_previous else None,
        reports.shift(shown, 1) if shown < current else None,
    )
