"""Pagination: the rows of one page of a list, and where the next page begins."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar

from flask import request

LARGEST = 2**31 - 1
"""PostgreSQL knows no larger number of rates and entries."""
T = TypeVar("T")


def paginate(
    rows: list[T], size: int, *, cursor: Callable[[T], Any] = attrgetter("id")
) -> tuple[list[T], Any]:
    """Return the rows to show, at most `size`, and the cursor of the last one; None in its place
    where no row is left for a next page. Lists of the domain have one row more than they show."""
    shown = rows[:size]
    return shown, cursor(shown[-1]) if len(rows) > size else None


def number_before() -> int | None:
    """Return the cursor `before` of the address where it is a number; None on the first page."""
    before = request.args.get("before", type=int)
    return None if before is None else max(0, min(before, LARGEST))
