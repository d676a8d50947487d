"""The chart of *Usage*: twelve months as stacked bars, drawn for three widths as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from portal.domain.reports import MONTHS, Series, months_until

WIDTHS = {"wide": 1232, "mid": 760, "narrow": 343}
HEIGHT, TOP, BASE, LEFT = 236, 20, 214, 60
STEPS = (1, 2, 5, 10)
LINES = 3


class Part(NamedTuple):
    """A part of a bar; `color` is the number of its series, 0 for all others."""

    color: int
    y: float
    height: float


class Bar(NamedTuple):
    """A month: its place, its parts from the base up, what it sums to, the forecast above it."""

    month: date
    amount: Decimal
    x: float
    width: float
    middle: float
    parts: list[Part]
    top: float
    forecast: Part | None


class Drawing(NamedTuple):
    """The chart in one width; `lines` are amounts with their height."""

    name: str
    width: int
    lines: list[tuple[Decimal, float]]
    bars: list[Bar]


def draw(series: Sequence[Series], last: date, forecast: Decimal | None) -> list[Drawing]:
    """The chart of the months up to `last`; empty without any amount. What is negative in a month
    takes no room."""
    months = months_until(last)
    heights = [sum(max(it.amounts[at], Decimal(0)) for it in series) for at in range(MONTHS)]
    highest = max([*heights, forecast or Decimal(0)], default=Decimal(0))
    if not highest:
        return []
    step = _step(Decimal(highest))
    scale = float(BASE - TOP) / float(step * LINES)
    lines = [(step * n, BASE - float(step * n) * scale) for n in range(LINES + 1)]
    drawings = []
    for name, width in WIDTHS.items():
        bars = [_bar(series, at, month, width, scale) for at, month in enumerate(months)]
        if forecast is not None and forecast > heights[-1]:
            y = BASE - float(forecast) * scale
            bars[-1] = bars[-1]._replace(forecast=Part(0, y, bars[-1].top - y))
        drawings.append(Drawing(name, width, lines, bars))
    return drawings


def _step(highest: Decimal) -> Decimal:
    """A round amount, LINES of which reach the highest."""
    unit = Decimal(1).scaleb((highest / LINES).adjusted())
    return next(unit * step for step in STEPS if unit * step * LINES >= highest)


def _bar(series: Sequence[Series], at: int, month: date, width: int, scale: float) -> Bar:
    room = (width - LEFT) / MONTHS
    left = LEFT + at * room
    parts, y = [], float(BASE)
    for number, one in reversed(list(enumerate(series, start=1))):
        height = float(max(one.amounts[at], Decimal(0))) * scale
        if height:
            y -= height
            parts.append(Part(number if one.key is not None else 0, y, height))
    amount = sum((one.amounts[at] for one in series), Decimal(0))
    middle = left + room / 2
    return Bar(month, amount, left + room * 0.2, room * 0.6, middle, parts, y, None)


def spark(amounts: Sequence[Decimal]) -> list[tuple[float, float]]:
    """The points of a small line of 80 × 18; empty without an amount. What is negative is 0."""
    highest = max(*amounts, Decimal(0))
    if not highest:
        return []
    step = 76 / (len(amounts) - 1)
    return [
        (round(2 + at * step, 1), round(16 - 14 * float(max(amount, Decimal(0)) / highest), 1))
        for at, amount in enumerate(amounts)
    ]
