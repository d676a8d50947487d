"""Lenient columns: a value that can't be read, after an edit by hand, is read as one of these.

So a row of a queue stops nobody who reads the queue.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Dialect, inspect
from sqlalchemy.types import TypeDecorator

from portal.db.time import now
from portal.db.time_loader import EARLIEST, LATEST
from portal.db.types import UtcDateTime

UNREADABLE_TIME = datetime(1970, 1, 1, tzinfo=UTC)
UNREADABLE_OBJECT = {"unreadable": True}


class LenientDateTime(UtcDateTime):
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        read = _lenient(super().result_processor(dialect, coltype), UNREADABLE_TIME)

        def process(value: Any) -> Any:
            time = read(value)
            return UNREADABLE_TIME if time in (EARLIEST, LATEST) else time

        return process


class LenientObject(TypeDecorator[dict[str, Any]]):
    """A JSON object."""

    impl = JSON
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        read = _lenient(super().result_processor(dialect, coltype), None)

        def process(value: Any) -> dict[str, Any]:
            found = read(value)
            return found if isinstance(found, dict) else dict(UNREADABLE_OBJECT)

        return process


def _lenient(read: Callable[[Any], Any] | None, instead: Any) -> Callable[[Any], Any]:
    def process(value: Any) -> Any:
        try:
            return read(value) if read else value
        except (ValueError, TypeError, RecursionError):
            return instead

    return process


def unreadable_columns(row: Any) -> list[str]:
    """The names of the row's columns that can't be read."""
    instead = UNREADABLE_TIME, UNREADABLE_OBJECT
    return [it.key for it in inspect(type(row)).columns if getattr(row, it.key) in instead]


def make_readable(row: Any) -> list[str]:
    """Replace what can't be read: by nothing, or by now. Returns the names of the columns."""
    names, columns = unreadable_columns(row), inspect(type(row)).columns
    for name in names:
        least: Any = {} if isinstance(columns[name].type, LenientObject) else now()
        setattr(row, name, None if columns[name].nullable else least)
    return names
