"""Rounding: exact amounts as printed ones in the currency's minor unit, by largest remainder."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from babel.numbers import get_currency_precision

UNITS = 15
"""Exact amounts are integers of 10⁻¹⁵."""


def minor_digits(currency: str) -> int:
    """The decimals in which amounts of a currency are printed."""
    return int(get_currency_precision(currency))


def round_amount(units: int, digits: int) -> Decimal:
    """The amount with so many decimals, rounded half away from zero."""
    one = 10 ** (UNITS - digits)
    minor = (2 * abs(units) + one) // (2 * one)
    return _amount(minor if units >= 0 else -minor, digits)


def apportion(parts: Sequence[int], total: Decimal, digits: int) -> list[Decimal]:
    """The parts, in 10⁻¹⁵, rounded so that they sum to the total, which has so many decimals.

    Each is rounded down; what is missing then goes, a minor unit each, to the parts with the
    largest remainders, at a tie to the first.
    """
    one = 10 ** (UNITS - digits)
    minor = [units // one for units in parts]
    missing = int(total.scaleb(digits)) - sum(minor)
    order = sorted(range(len(parts)), key=lambda n: -(parts[n] % one))
    step, order = (1, order) if missing > 0 else (-1, order[::-1])
    for count in range(abs(missing)):
        minor[order[count % len(order)]] += step
    return [_amount(value, digits) for value in minor]


def _amount(minor: int, digits: int) -> Decimal:
    return Decimal(minor).scaleb(-digits)
