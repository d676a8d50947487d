"""Billing months: which are open, so that their charges and prices may change."""

from __future__ import annotations

from datetime import date


def month_of(day: date) -> date:
    """Return the first day of the month."""
    return day.replace(day=1)


def is_open(month_on: date) -> bool:
    """Return whether the month that begins on this day is not closed."""
    return True
