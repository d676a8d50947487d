"""A check: a named query for the rows that break one invariant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Executable,
    Select,
    String,
    bindparam,
    false,
    func,
    type_coerce,
)

from portal import db
from portal.db.types import UtcDateTime

Query = Select[*tuple[Any, ...]]
NOW = bindparam("now", type_=UtcDateTime())
"""The parameter that `stream` gives each query: the instant of the transaction."""
BATCH = 1000
"""Rows that are in memory at a time."""


class Problem(NamedTuple):
    """A row that breaks a check's invariant: the ID of the thing, and one sentence."""

    thing: str
    sentence: str


@dataclass(frozen=True)
class Check:
    """A named query for the rows that break an invariant."""

    name: str
    invariant: str
    find: Callable[[], Iterator[Problem]]


def select_check(invariant: str, sentence: str) -> Callable[[Callable[[], Query]], Check]:
    """A decorator: a function that returns a query becomes the check of its name.

    The query's first column is the ID of the thing. `sentence` is a format string: {0} is the
    first column, {1} the second. A check is one statement: another transaction may commit between
    two.
    """

    def decorate(build_query: Callable[[], Query]) -> Check:
        query = cache(build_query)  # to build it takes longer than to run it on few rows

        def find() -> Iterator[Problem]:
            for row in stream(query()):
                yield Problem(str(row[0]), sentence.format(*row))

        return Check(_name(build_query), invariant, find)

    return decorate


def check(invariant: str) -> Callable[[Callable[[], Iterator[Problem]]], Check]:
    """A decorator: a function that yields problems becomes the check of its name."""
    return lambda find: Check(_name(find), invariant, find)


def stream(query: Executable) -> Iterator[Any]:
    """The rows of a query, BATCH of them in memory at a time."""
    parameters = {"now": db.now()}
    yield from db.session.execute(query, parameters, execution_options={"yield_per": BATCH})


def _name(function: Any) -> str:
    name: str = function.__name__
    return name.strip("_").replace("_", "-")


def raw(column: Any) -> ColumnElement[str]:
    """The stored text of an enum's column; one that the enum does not have would raise."""
    return type_coerce(column, String)


def is_true(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition, false where it is NULL."""
    return func.coalesce(condition, false())
