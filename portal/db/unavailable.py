"""Unavailable: the database is busy, full, read-only, away or being restored.

The last is said by its mark (`restoring`), the others by the driver's error codes:
https://www.sqlite.org/rescode.html,
https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from enum import StrEnum

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class Reason(StrEnum):
    """Why the database is unavailable."""

    BUSY = "busy"
    FULL = "full"
    READ_ONLY = "read-only"
    AWAY = "away"
    RESTORING = "restoring"
    KEY_MISSING = "key-missing"
    """The database is well, but a line of the audit log can't be signed."""


class Unavailable(Exception):
    """The database can't do this now, for a `reason` that is no bug. Try again later.

    Nothing was saved, unless `may_be_saved`: the connection broke during the commit.
    """

    may_be_saved = False

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


RETRYABLE_SQLSTATES = {"40001", "40P01"}  # serialization failure, deadlock
SQLSTATES = {
    **dict.fromkeys(RETRYABLE_SQLSTATES, Reason.BUSY),
    "53000": Reason.BUSY,  # insufficient resources
    "53100": Reason.FULL,
    "53200": Reason.BUSY,  # out of memory
    "53300": Reason.BUSY,  # too many connections
    "55P03": Reason.BUSY,  # lock_timeout
    "57P01": Reason.AWAY,  # shut down, or the connection was terminated
    "57P02": Reason.AWAY,  # crash of another connection
    "57P03": Reason.AWAY,  # starts, stops or recovers
    "58030": Reason.AWAY,  # I/O error
}
READ_ONLY_SQLSTATE = "25006"
SQLITE_CODES = {
    sqlite3.SQLITE_BUSY: Reason.BUSY,
    sqlite3.SQLITE_PROTOCOL: Reason.BUSY,
    sqlite3.SQLITE_FULL: Reason.FULL,
    sqlite3.SQLITE_IOERR_SHMSIZE: Reason.FULL,
    sqlite3.SQLITE_IOERR: Reason.AWAY,
    sqlite3.SQLITE_CANTOPEN: Reason.AWAY,
}


def unavailable_from(error: BaseException, *, is_writing: bool = False) -> Unavailable | None:
    """Return what this error says about the database, None if it is another fault.

    READ_ONLY is recognised only with `is_writing`: a writing statement in a reading transaction is
    a bug, and gets the same code.
    """
    if isinstance(error, Unavailable):
        return error
    for each in _errors(error):
        reason = _reason(each)
        if reason is not None and (is_writing or reason is not Reason.READ_ONLY):
            unavailable = Unavailable(reason)
            unavailable.__cause__ = error
            return unavailable
    return None


def is_retryable(error: DBAPIError) -> bool:
    """Whether the whole unit may succeed at once if it runs again."""
    return getattr(error.orig, "sqlstate", None) in RETRYABLE_SQLSTATES


def _errors(error: BaseException | None) -> Iterator[SQLAlchemyError]:
    """Yield the error and those before it: SQLite rolls back a whole transaction when it is full,
    and then the savepoint's rollback fails, too."""
    while isinstance(error, SQLAlchemyError):
        yield error
        driver_error = getattr(error, "orig", None)
        error = driver_error.__context__ if driver_error else None


def _reason(error: SQLAlchemyError) -> Reason | None:
    if isinstance(error, PoolTimeout):
        return Reason.BUSY
    if not isinstance(error, DBAPIError):
        return None
    code = getattr(error.orig, "sqlite_errorcode", None)
    return _sqlite_reason(code) if code is not None else _postgresql_reason(error)


def _sqlite_reason(code: int) -> Reason | None:
    primary = code & 0xFF
    if primary == sqlite3.SQLITE_READONLY:
        return Reason.READ_ONLY
    return SQLITE_CODES.get(code) or SQLITE_CODES.get(primary)


def _postgresql_reason(error: DBAPIError) -> Reason | None:
    code = getattr(error.orig, "sqlstate", None)
    if code == READ_ONLY_SQLSTATE:
        return Reason.READ_ONLY
    if code is not None:
        return Reason.AWAY if code.startswith("08") else SQLSTATES.get(code)
    if not isinstance(error, OperationalError) or not hasattr(error.orig, "sqlstate"):
        return None
    words = str(error.orig)  # the driver gives no code for what happens while it connects
    is_busy = "too many c" in words or "connection slots" in words
    return Reason.BUSY if is_busy else Reason.AWAY
