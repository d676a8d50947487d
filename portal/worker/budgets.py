"""Watch budgets: find what is due by reading; do it in short units of work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import structlog

from portal import db
from portal.domain import budgets

log = structlog.get_logger(__name__)

BATCH = 50


def watch() -> bool:
    """Do what is due about budgets; what fails for one account does not stop the others. Return
    whether something was done, so there may be more."""
    due = db.read(budgets.find_due)
    batches = [due[first : first + BATCH] for first in range(0, len(due), BATCH)]
    is_done = [_advance(batch) for batch in batches]
    is_done += [
        _attempt(partial(budgets.suspend_due, account_id), account_id)
        for account_id in db.read(budgets.find_suspensions)
    ]
    return any(is_done)


def _advance(keys: Sequence[budgets.Key]) -> bool:
    """Do what is due about some budgets, one by one if it fails for one of them. Return whether
    something was done."""
    if len(keys) == 1:
        return _attempt(partial(budgets.advance, keys), keys[0].account_id)
    try:
        db.write(partial(budgets.advance, keys))
    except db.Unavailable:
        raise
    except Exception:
        return any([_advance([key]) for key in keys])  # noqa: C419 - all run
    return True


def _attempt(unit: Callable[[], None], account_id: str) -> bool:
    try:
        db.write(unit)
    except db.Unavailable:
        raise
    except Exception:
        log.exception("budget.watching_failed", account=account_id)
        return False
    return True
