"""Lists at a terminal: all pages of a list of the domain, as text or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import click

from portal import db

T = TypeVar("T")

as_json = click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")


def every(load: Callable[[str], list[T]], size: int, cursor: Callable[[T], str]) -> Iterator[T]:
    """All rows. `load` returns a page of `size` rows after a cursor, and one more if there is a
    next page; each page is read in a transaction of its own."""
    after = ""
    while True:
        rows = db.read(partial(load, after))
        yield from rows[:size]
        if len(rows) <= size:
            return
        after = cursor(rows[size - 1])


def echo_json(facts: dict[str, Any]) -> None:
    """Print the object on a line."""
    click.echo(json.dumps(facts))
