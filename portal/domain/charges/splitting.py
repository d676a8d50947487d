"""Splitting: which share of a row each link of its cloud bears, in 10⁻¹⁵ of the currency.

Shares are differences of ⌊cost·t/T⌋ toward zero. So they sum to the row, and a later link never
changes an earlier share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

SPLIT_CATEGORY = "Usage"
"""The only category that is split; the start of any other row decides who bears it."""


class Row(NamedTuple):
    """A charge row: `units` of 10⁻¹⁵, from `start` to `end` in microseconds. Without length it is a
    point at its start."""

    units: int
    start: int
    end: int
    category: str

    @property
    def is_split(self) -> bool:
        return self.category == SPLIT_CATEGORY and self.end > self.start


class Share(NamedTuple):
    """What link number `link` bears of a row; `start` is where this part of the row begins."""

    link: int
    units: int
    start: int


def is_before(row: Row, first: int) -> bool:
    """Whether the row lies wholly before the first link of its cloud, and so *before the portal*.
    A row that overlaps the first link belongs to it."""
    return row.end <= first if row.end > row.start else row.start < first


def shares(row: Row, since: Sequence[int]) -> Iterator[Share]:
    """The share of each link that bears a part of the row; `since` are the moments at which the
    links of its cloud began, ascending. Empty for a row before the portal."""
    if is_before(row, since[0]):
        return
    moments = [min(row.start, since[0]), *since[1:]]
    ends = [*since[1:], max(row.end, since[-1]) + 1]
    for link, (begin, until) in enumerate(zip(moments, ends, strict=True)):
        if row.is_split:
            start, end = max(begin, row.start), min(until, row.end)
            if start < end:
                yield Share(link, _elapsed(row, end) - _elapsed(row, start), start)
        elif begin <= row.start < until:
            yield Share(link, row.units, row.start)


def _elapsed(row: Row, moment: int) -> int:
    """⌊cost·t/T⌋ toward zero of the part of the row until the moment."""
    share = abs(row.units) * (moment - row.start) // (row.end - row.start)
    return share if row.units >= 0 else -share
