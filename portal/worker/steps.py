"""Steps: how a kind of order is carried out, recorded, and recorded as failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from portal.domain.jobs import Job


def _ignore(_job: Job, _fault: str, _facts: Mapping[str, str]) -> None:
    """Only the job keeps the fault."""


class Unasked(NamedTuple):
    """It is so without asking the cloud: nothing shows whether that answers."""

    ends_by: None = None
    is_down: None = None


class Step(NamedTuple):
    """How a kind of order is carried out. `call` reads what is agreed and talks to the cloud,
    outside of any transaction; it raises Later, NeedsPerson or Never, or returns Running, its
    result, or None if there was nothing to ask. `record` keeps a result other than None, in the
    unit of work that ends the try; it raises NeedsPerson before it changes anything. `fail` keeps
    why the order can't be carried out: a code with facts, or words."""

    call: Callable[[Job], Any]
    record: Callable[[Job, Any], None]
    fail: Callable[[Job, str, Mapping[str, str]], None] = _ignore
