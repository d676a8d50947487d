"""Payment: which lot, or the personal account, bears what an account's usage days cost.

Draws are a pure function of the rounded day sums, the frozen draws of closed months and the lots.
So the order in which deliveries arrive does not matter. Amounts are integers of 10⁻⁶.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

PERSONAL = "personal"
"""The bearer of what no lot covers: the personal account."""
WAIVED = "waived"
"""The bearer of what no lot covers of usage in trial; it is never debited."""
UNITS_OF_MICRO = 10**9
Draws = dict[str, int]
"""What each bearer bears: the ID of a lot, PERSONAL or WAIVED."""


class DayKind(NamedTuple):
    """A usage day, and one kind of its charges. Sorted, this is the order of payment."""

    usage_on: date
    is_purchase: bool
    """Tax or Purchase: not from lots, unless they pay all."""
    is_waivable: bool
    """Of a cloud that no paid account has paid for before."""


class Day(NamedTuple):
    """The rounded sum of a DayKind, and its draws of closed months."""

    micros: int
    frozen: Mapping[str, int] = {}


class Terms(NamedTuple):
    """A lot: its amount, and the first and the last usage day that it pays for."""

    id: str
    amount: int
    first_on: date
    last_on: date


def round_units(units: int) -> int:
    """Units of 10⁻¹⁵ as micros, half away from zero."""
    micros, rest = divmod(abs(units), UNITS_OF_MICRO)
    micros += rest * 2 >= UNITS_OF_MICRO
    return micros if units >= 0 else -micros


def draw(
    days: Mapping[DayKind, Day],
    lots: Sequence[Terms],
    *,
    trial_until: date | None,
    lots_pay_all: bool = False,
) -> dict[DayKind, Draws]:
    """What each bearer bears of each day, without zeros.

    Usage days ascend. On each the lot pays that expires first, at a tie the older, then the
    personal account; `lots` are in the order in which they were given. `trial_until` is the last
    day of the trial: date.max while it goes on, None where there was none.
    """
    left = {lot.id: lot.amount for lot in lots}
    for day in days.values():
        for bearer, micros in day.frozen.items():
            if bearer in left:
                left[bearer] -= micros
    order = sorted(lots, key=lambda lot: lot.last_on)  # stable: at a tie the older
    result = {}
    for key in sorted(days):
        is_waived = key.is_waivable and trial_until is not None and key.usage_on <= trial_until
        other = WAIVED if is_waived else PERSONAL
        may_draw = lots_pay_all or not key.is_purchase
        valid = [lot.id for lot in order if lot.first_on <= key.usage_on <= lot.last_on]
        draws = _bear(days[key], valid if may_draw else [], order, left, other)
        result[key] = {bearer: micros for bearer, micros in draws.items() if micros}
    return result


def _bear(
    day: Day, valid: Sequence[str], order: Sequence[Terms], left: dict[str, int], other: str
) -> Draws:
    """The frozen draws and those of the rest. A negative rest undoes what the day drew in closed
    months: first what no lot covered, then lots from the latest expiry back, never more than was
    drawn. What remains is borne by `other`, as a credit if it is negative."""
    draws: Draws = dict(day.frozen)
    rest = day.micros - sum(draws.values())
    for lot in valid:
        part = max(0, min(rest, left[lot]))
        draws[lot] = draws.get(lot, 0) + part
        left[lot] -= part
        rest -= part
    for bearer in (PERSONAL, WAIVED, *(lot.id for lot in reversed(order))):
        part = max(0, min(-rest, draws.get(bearer, 0)))
        draws[bearer] = draws.get(bearer, 0) - part
        rest += part
        if bearer in left:
            left[bearer] += part
    draws[other] += rest
    return draws
