"""Make statements: the next step of closing months, whose lines go in by short transactions."""

from __future__ import annotations

import time

from portal import db
from portal.domain import statements

PAUSE = 0.1
"""In seconds, between transactions. Writers of SQLite form no queue: each looks again in at most
100 ms whether its turn has come."""


def advance() -> bool:
    """Do the next step of what is due: close a month, or close it in the books of an account.
    Return whether there may be more."""
    return db.write(statements.advance) or _close_next_books()


def _close_next_books() -> bool:
    books = db.read(statements.next_books)
    if books is None:
        return False
    db.write(lambda: statements.lock_books(books))
    rows = db.read(lambda: statements.undrafted(books)) if books.is_partners else []
    if rows:
        db.write(lambda: statements.add_drafts(books, rows))
        return True
    plan = db.read(lambda: statements.plan_books(books))
    if plan.is_idle and db.write(lambda: statements.close_idle_books(books)):
        return True
    is_long = len(plan.lines) > statements.LINES_BATCH
    while is_long and db.write(lambda: statements.add_some_lines(plan)):
        time.sleep(PAUSE)
    db.write(lambda: statements.close_books(plan))
    return True
