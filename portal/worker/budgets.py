"""Watch budgets: find what is due by reading; do it in short units of work."""

from __future__ import annotations

from functools import partial

from portal import db
from portal.domain import budgets

BATCH = 50


def watch() -> bool:
    """Do what is due about budgets. Return whether there was something, so there may be more."""
    due = db.read(budgets.find_due)
    for first in range(0, len(due), BATCH):
        db.write(partial(budgets.advance, due[first : first + BATCH]))
    suspensions = db.read(budgets.find_suspensions)
    for account_id in suspensions:
        db.write(partial(budgets.suspend_due, account_id))
    return bool(due or suspensions)
