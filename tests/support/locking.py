"""Which rows a transaction locks, statement by statement, read off what PostgreSQL itself notes.

A row that is locked, changed or new has other system columns (`xmin`, `xmax`) than before; so what
a statement touched is the difference, however it was written. Nobody else may be at work meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Engine, Table, event

from portal import db
from portal.domain.locks import ORDER

PARENTS = {
    "form_keys": ("users", "user_id"),
    "saved_views": ("users", "user_id"),
    "hidden_first_steps": ("users", "user_id"),
    "muted_notices": ("users", "user_id"),
    "email_changes": ("users", "user_id"),
    "sessions": ("users", "user_id"),
    "kept_forms": ("outbox", ""),
    "notices": ("outbox", ""),
    "feedback": ("tries", ""),
    "import_rows": ("imports", "import_id"),
    "initial_grants": ("billing_accounts", "account_id"),
    "account_access": ("billing_accounts", "account_id"),
    "folders": ("clouds", "cloud_id"),
    "links": ("clouds", "cloud_id"),
    "cloud_access": ("clouds", "cloud_id"),
    "customer_notes": ("customers", "customer_id"),
    "audit_lines": ("audit_heads", "chain"),
}
"""Rows that belong to another one: who holds that one waits for nobody at these. Where it is not
held they come at its place; an empty column: they always do."""

INSERTED_UNDER = {
    "customers": ("billing_accounts", "partner_id"),
    "invitations": ("billing_accounts", "subaccount_id"),
}
"""Tables whose new rows have unique keys, and the row under which they are inserted."""

GENERATED_KEYS = {"outbox", "audit_heads"}
"""Tables whose other unique keys have an ID made here in them, too."""

LAST, AUDIT_TABLES = "audit_heads", {"audit_heads", "audit_lines"}
"""After the first end of a chain nothing else is written at all."""

SYSTEM_COLUMNS = "xmin::text || ' ' || xmax::text || ' ' || ctid::text"


class Row(NamedTuple):
    table: str
    key: str
    guard: str
    """The key of the row that it belongs to."""
    is_sub: bool
    """Of an account: a partner's are locked before subaccounts."""


class LockTracker:
    """Follows the statements of one transaction after the other."""

    def __init__(self) -> None:
        self.locked: list[Row] = []
        """The rows that nothing held before, as they were locked."""
        self.faults: list[str] = []
        """Rows that come before one that is held, or of which a statement locks several in no
        order."""
        self._rows: dict[Row, str] = {}
        self._held: set[tuple[str, str]] = set()

    def begin(self, connection: Any) -> None:
        self._rows, self._held = _all_rows(connection), set()
        self.locked = []

    def after(self, connection: Any, _c: Any, statement: str, *_rest: Any) -> None:
        before, self._rows = self._rows, _all_rows(connection)
        changed = sorted(
            {row for row, _system in before.items() ^ self._rows.items()}, key=_order_key
        )
        waited = []
        for row in changed:
            is_new = row not in before
            if _may_wait(row, statement, is_new=is_new) and not self._is_held(row, is_new=is_new):
                waited.append(row)
            if is_new or waited[-1:] == [row]:
                self._held.add((row.table, row.key))
        self._note(changed, waited, statement)
        self.locked += waited

    def _is_held(self, row: Row, *, is_new: bool) -> bool:
        owner, _column = (PARENTS | INSERTED_UNDER if is_new else PARENTS).get(row.table, ("", ""))
        return not self._held.isdisjoint({(row.table, row.key), (owner, row.guard)})

    def _note(self, changed: list[Row], waited: list[Row], statement: str) -> None:
        said = " ".join(statement.split()[:3])
        last = max(self.locked, key=_order_key, default=None)
        if (
            last is not None
            and last.table == LAST
            and not {row.table for row in changed} <= AUDIT_TABLES
        ):
            self.faults.append(f"{changed[0].table} after {LAST} by {said}")
        if not waited or "SKIP LOCKED" in statement:  # which waits for nobody
            return
        if last is not None and _order_key(waited[0]) < _order_key(last):
            self.faults.append(f"{waited[0].table} after {last.table} by {said}")
        if len(waited) > 1 and not statement.startswith("INSERT") and "ORDER BY" not in statement:
            self.faults.append(f"{len(waited)} of {waited[0].table} in no order by {said}")


def _order_key(row: Row) -> tuple[int, bool, str]:
    table, _column = PARENTS.get(row.table, (row.table, ""))
    return ORDER.index(table), row.is_sub, row.key


def _may_wait(row: Row, statement: str, *, is_new: bool) -> bool:
    """Whether a statement may have waited for others at this row.

    A row that it refers to, which PostgreSQL locks against a change of its key, does not count:
    only who changes an address and who drops an import lock so much, and what they lock after that
    nobody holds who comes to such a row. A new row counts only where others could insert the same.
    """
    verb = statement.split(maxsplit=1)[0]
    if verb not in ("INSERT", "UPDATE", "DELETE"):
        return True
    table = statement.split(maxsplit=3)[1 if verb == "UPDATE" else 2]
    return row.table == table and (not is_new or verb != "INSERT" or _has_natural_key(table))


def _has_natural_key(name: str) -> bool:
    """Whether the table has a unique key beside, or instead of, an ID made here."""
    if name in GENERATED_KEYS:
        return False
    table = db.Base.metadata.tables[name]
    own = {column.name for column in table.primary_key}
    unique = [{c.name for c in index.columns} for index in table.indexes if index.unique]
    unique += [
        {c.name for c in constraint.columns}
        for constraint in table.constraints
        if type(constraint).__name__ == "UniqueConstraint"
    ]
    return own != {"id"} or any(not own <= key for key in unique)


def _all_rows(connection: Any) -> dict[Row, str]:
    """Each row with its system columns; past the ORM and its events."""
    cursor = connection.connection.cursor()
    cursor.execute(" UNION ALL ".join(map(_rows_query, db.Base.metadata.sorted_tables)))
    return {Row(*found[:4]): found[4] for found in cursor.fetchall()}


def _rows_query(table: Table) -> str:
    key = " || ' ' || ".join(f"{column.name}::text" for column in table.primary_key)
    _owner, column = (PARENTS | INSERTED_UNDER).get(table.name, ("", ""))
    is_sub = "parent_id IS NOT NULL" if table.name == "billing_accounts" else "false"
    guard = f"{column}::text" if column else "''"
    return f"SELECT '{table.name}', {key}, {guard}, {is_sub}, {SYSTEM_COLUMNS} FROM {table.name}"


@contextmanager
def track_locks(engine: Engine) -> Iterator[LockTracker]:
    """What happens in here is followed."""
    listener = LockTracker()
    event.listen(engine, "begin", listener.begin)
    event.listen(engine, "after_cursor_execute", listener.after)
    try:
        yield listener
    finally:
        event.remove(engine, "begin", listener.begin)
        event.remove(engine, "after_cursor_execute", listener.after)
