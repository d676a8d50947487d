"""Formats of instants, days, numbers and money in the reader's language and time zone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_skeleton, format_time, get_timezone_name
from babel.numbers import (
    format_compact_currency,
    format_currency,
    format_decimal,
    get_currency_precision,
)
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _

from portal import config, db
from portal.i18n.reader import reader


def zone() -> ZoneInfo:
    """Return the signed-in user's time zone, or the installation's."""
    user = reader()
    return ZoneInfo((user and user.time_zone) or config.current().time_zone)


def local_time(instant: datetime) -> str:
    """Return date and time to the second, with the short name of the reader's zone."""
    local, locale = instant.astimezone(zone()), get_locale()
    clock = format_time(local, "HH:mm:ss", locale=locale)
    return f"{plain_day(local.date())}, {clock} {get_timezone_name(local, 'short', locale=locale)}"


def local_day(instant: datetime) -> str:
    """Return the date of the instant in the reader's zone."""
    return plain_day(instant.astimezone(zone()).date())


def plain_day(day: date) -> str:
    """Return a date without a zone: in English the day first, otherwise in the locale's order."""
    locale = get_locale()
    if locale is None or locale.language == "en":
        return str(format_date(day, "d MMM y", locale="en"))
    return str(format_skeleton("yMMMd", day, locale=locale))


def month(day: date) -> str:
    """Return the month of a day with its year: "November 2026" in English."""
    return str(format_skeleton("yMMMM", day, locale=get_locale() or "en"))


def iso_day(day: str) -> str:
    """Return a date in ISO 8601 as `plain_day` does."""
    return plain_day(date.fromisoformat(day))


def utc_time(instant: datetime) -> str:
    """Return the instant in UTC, for `title` attributes."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso_time(instant: datetime) -> str:
    """Return the instant in ISO 8601, for `datetime` attributes."""
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def seconds_left(instant: datetime) -> int:
    """Return the seconds until the instant, rounded up; 0 if it has passed."""
    return max(0, math.ceil((instant - db.now()).total_seconds()))


def time_left(instant: datetime) -> str:
    """Return the time until the instant: "2 min 14 s"."""
    seconds = seconds_left(instant)
    if seconds < 60:
        return str(_("%(s)s s", s=seconds))
    return str(_("%(min)s min %(s)s s", min=seconds // 60, s=seconds % 60))


def age(instant: datetime) -> str:
    """Return the time since the instant in its largest unit, rounded down: "8 s", "3 h"."""
    seconds = max(0, int((db.now() - instant).total_seconds()))
    if seconds < 60:
        return str(_("%(s)s s", s=seconds))
    if seconds < 3600:
        return str(_("%(min)s min", min=seconds // 60))
    if seconds < 2 * 86400:
        return str(_("%(h)s h", h=seconds // 3600))
    return str(ngettext("%(num)s day", "%(num)s days", seconds // 86400))


def zone_name() -> str:
    """Return the short name of the reader's time zone."""
    now = db.now().astimezone(zone())
    return str(get_timezone_name(now, "short", locale=get_locale()))


def money(amount: Decimal, *, is_exact: bool = True) -> str:
    """Return an amount in the installation's currency, with all its decimals, or rounded half away
    from zero to the currency's."""
    currency = config.current().currency
    if not is_exact:
        step = Decimal(1).scaleb(-get_currency_precision(currency))
        amount = amount.quantize(step, ROUND_HALF_UP) + 0  # no minus before zero
    locale = get_locale() or "en"
    return str(format_currency(amount, currency, locale=locale, decimal_quantization=False))


def signed_money(amount: Decimal) -> str:
    """Return a difference as `money` does, with a plus sign if it is positive."""
    return f"+{money(amount)}" if amount > 0 else money(amount)


def compact_money(amount: Decimal) -> str:
    """Return a rounded amount for an axis: "€20K" in English."""
    locale, currency = get_locale() or "en", config.current().currency
    return str(format_compact_currency(amount, currency, locale=locale, fraction_digits=1))


def short_month(day: date) -> str:
    """Return the short name of the month of a day: "Nov" in English."""
    return str(format_skeleton("MMM", day, locale=get_locale() or "en"))


def quantity(value: Decimal) -> str:
    """Return a quantity with all its decimals in the reader's format."""
    locale = get_locale() or "en"
    return str(format_decimal(value.normalize(), locale=locale, decimal_quantization=False))


def percent(share: Decimal) -> str:
    """Return a share in whole percent with its sign: "+21 %", "0 %"."""
    whole = int((share * 100).quantize(Decimal(1), ROUND_HALF_UP))
    sign = "+" if whole > 0 else "−" if whole < 0 else ""
    return f"{sign}{number(abs(whole))} %"


def number(value: int) -> str:
    """Return a whole number with separators: "1,234" in English."""
    return str(format_decimal(value, locale=get_locale() or "en"))


def format_numbers(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a sentence with whole numbers in the reader's format."""
    return {name: number(fact) if type(fact) is int else fact for name, fact in facts.items()}
