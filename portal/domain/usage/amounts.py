"""Exact amounts as two integers: 10⁻⁶ and the rest in 10⁻¹⁵ of the installation's currency."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import ColumnElement, Integer, func, type_coerce

RESTS_OF_MICRO = 10**9


def exact(micros: int | Decimal | None, rest: int | Decimal | None) -> Decimal:
    """The amount of both integers together, exactly; sums on PostgreSQL are Decimals."""
    units = int(micros or 0) * RESTS_OF_MICRO + int(rest or 0)
    return Decimal(f"{units}E-15")  # from text: arithmetic rounds to 28 digits


def split(amount: Decimal) -> tuple[int, int]:
    """The amount as micros and rest. Raises ValueError for more than 15 decimals."""
    sign, digits, exponent = amount.as_tuple()
    shift = int(exponent) + 15
    number: int = int("".join(map(str, digits))) * (-1 if sign else 1)
    if shift < 0 and number % 10**-shift:
        raise ValueError(f"{amount} has more than 15 decimals")
    units = number * 10**shift if shift >= 0 else number // 10**-shift
    return units // RESTS_OF_MICRO, units % RESTS_OF_MICRO


def total(column: ColumnElement[int]) -> ColumnElement[int]:
    """The sum of an integer column, 0 without rows."""
    return type_coerce(func.coalesce(func.sum(column), 0), Integer)
