"""The chart of *Who paid for each cloud*: a bar for each account and time, in three widths."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from portal.domain import billing_days
from portal.domain.accounts import BillingAccount
from portal.domain.reports import CloudPayer, shift
from portal.wording import labels

WIDTHS = {"wide": (1232, 180), "mid": (760, 180), "narrow": (343, 0)}
"""The width of each drawing, and where its bars begin."""
TOP, ROW, NAME_ABOVE = 22, 30, 14
CLOUDS = 12
"""Clouds that are drawn; the table has all of its page."""
COLORS = 7
LONGEST = timedelta(days=366)
LABELS = {"wide": 12, "mid": 8, "narrow": 4}


class Bar(NamedTuple):
    """A time in which an account paid: its row in the table, its color, its place."""

    row: int
    color: str
    x: float
    width: float


class Line(NamedTuple):
    """The bars of a cloud, named by its first row; `y` is their top, `name_y` the name's line."""

    row: int
    y: float
    name_y: float
    bars: list[Bar]


class Drawing(NamedTuple):
    """The chart in one width; `months` are days with their place."""

    name: str
    width: int
    left: int
    base: float
    months: list[tuple[date, float]]
    lines: list[Line]


class Chart(NamedTuple):
    """The drawings; whose color each is, None for accounts that the reader can't see; whether there
    are clouds that are not drawn."""

    drawings: list[Drawing]
    key: list[tuple[str, str | None]]
    is_part: bool


def draw(account: BillingAccount, payers: Sequence[CloudPayer], now: datetime) -> Chart | None:
    """The chart of the first clouds, of the last year at most; None without one."""
    rows = list(enumerate(payers))
    clouds = [list(of) for _id, of in groupby(rows, key=lambda it: it[1].cloud_id)]
    begin = min(payer.since_at for of in clouds[:CLOUDS] for _row, payer in of) if clouds else now
    begin = min(max(begin, now - LONGEST), now - timedelta(minutes=1))
    shown = [[it for it in of if (it[1].until_at or now) > begin] for of in clouds[:CLOUDS]]
    drawn = [of for of in shown if of]
    if not drawn:
        return None
    colors = _colors(account.id, [payer for of in drawn for _row, payer in of])
    drawings = [_drawing(name, drawn, colors, begin, now) for name in WIDTHS]
    names = {it.account_id: labels.payer(it.account_name, it.partner_name) for it in payers}
    key = {color: names[ident] if color != "c0" else None for ident, color in colors.items()}
    return Chart(drawings, list(key.items()), len(clouds) > CLOUDS)


def _colors(own_id: str, payers: list[CloudPayer]) -> dict[str | None, str]:
    """The account itself has no color, the first others have one each, the rest share one."""
    others = dict.fromkeys(
        payer.account_id for payer in payers if payer.account_id not in (None, own_id)
    )
    colors: dict[str | None, str] = {own_id: "mine"}
    for number, ident in enumerate(others, start=1):
        colors[ident] = f"c{number}" if number <= COLORS else "c0"
    if any(payer.account_id is None for payer in payers):
        colors[None] = "c0"
    return colors


def _drawing(
    name: str,
    clouds: list[list[tuple[int, CloudPayer]]],
    colors: dict[str | None, str],
    begin: datetime,
    now: datetime,
) -> Drawing:
    width, left = WIDTHS[name]
    scale = (width - left - 2) / (now - begin).total_seconds()
    above = 0 if left else NAME_ABOVE

    def place(instant: datetime) -> float:
        return left + (max(instant, begin) - begin).total_seconds() * scale

    lines = []
    for number, of in enumerate(clouds):
        y = TOP + number * (ROW + above) + above
        bars = []
        for row, payer in of:
            x, end = place(payer.since_at), place(payer.until_at or now)
            bars.append(Bar(row, colors[payer.account_id], x, max(end - x, 2)))
        lines.append(Line(of[0][0], y, y - 4 if above else y + 12, bars))
    base = TOP + len(clouds) * (ROW + above)
    months = [(day, place(billing_days.start_of(day))) for day in _months(name, begin, now)]
    return Drawing(name, width, left, base, months, lines)


def _months(name: str, begin: datetime, now: datetime) -> list[date]:
    """The first days of months in it, as many as there is room for."""
    day, last = billing_days.day_of(begin).replace(day=1), billing_days.day_of(now)
    days = []
    while (day := shift(day, 1)) <= last:
        days.append(day)
    return days[:: -(-len(days) // LABELS[name]) or 1]
