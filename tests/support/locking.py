"""Row locks: which rows each statement of a transaction locks, from PostgreSQL's system columns.

A locked, changed or new row has other system columns (`xmin`, `xmax`) than before, so the rows that
a statement touched are the difference. No other transaction may run at the same time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Engine, Table, event

from portal import db
from portal.domain.locks import ORDER

PAYER = "(SELECT coalesce(parent_id, id) FROM billing_accounts WHERE id = account_id)"
PARENTS = {
    "form_keys": ("users", "user_id"),
    "saved_views": ("users", "user_id"),
    "cloud_identities": ("users", "user_id"),
    "hidden_first_steps": ("users", "user_id"),
    "muted_notices": ("users", "user_id"),
    "email_changes": ("users", "user_id"),
    "sessions": ("users", "user_id"),
    "kept_forms": ("jobs", ""),
    "notices": ("jobs", ""),
    "feedback": ("tries", ""),
    "import_rows": ("imports", "import_id"),
    "usage_keys": ("usage_sources", "source_id"),
    "usage_invoices": ("usage_sources", "source_id"),
    "delivery_files": ("deliveries", "delivery_id"),
    "delivery_uploads": ("deliveries", "delivery_id"),
    "delivery_parts": ("deliveries", "delivery_id"),
    "delivery_scopes": ("deliveries", "delivery_id"),
    "delivery_keys": ("deliveries", "delivery_id"),
    "usage_groups": ("deliveries", "delivery_id"),
    "partner_profiles": ("billing_accounts", "account_id"),
    "future_rows": ("deliveries", "delivery_id"),
    "ledgers": ("billing_accounts", "account_id"),
    "lots": ("billing_accounts", "account_id"),
    "day_sums": ("billing_accounts", "account_id"),
    "draws": ("billing_accounts", "account_id"),
    "entries": ("billing_accounts", "account_id"),
    "charges": ("postings", "posting_id"),
    "usage_changes": ("postings", "posting_id"),
    "usage_totals": ("billing_accounts", "payer_id"),
    "usage_sums": ("billing_accounts", PAYER),
    "prices": ("postings", "posting_id"),
    "rates": ("billing_accounts", "partner_id"),
    "price_lists": ("billing_accounts", "partner_id"),
    "price_publications": ("billing_accounts", "subaccount_id"),
    "price_totals": ("postings", "posting_id"),
    "price_sums": ("billing_accounts", "payer_id"),
    "budgets": ("billing_accounts", "account_id"),
    "budget_months": ("billing_accounts", "account_id"),
    "charge_sums": ("postings", "posting_id"),
    "billing_months": ("installation", ""),
    "statements": ("billing_accounts", "account_id"),
    "statement_lines": ("statements", "statement_id"),
    "usage_fetches": ("connections", "connection_id"),
    "usage_samples": ("connections", "connection_id"),
    "usage_rates": ("connections", "connection_id"),
    "account_access": ("billing_accounts", "account_id"),
    "folders": ("clouds", "cloud_id"),
    "links": ("clouds", "cloud_id"),
    "cloud_access": ("clouds", "cloud_id"),
    "accesses": ("memberships", "membership_id"),
    "access_secrets": ("accesses", "access_id"),
    "customer_notes": ("customers", "customer_id"),
    "audit_lines": ("audit_heads", "chain"),
}
"""Child tables, with parent table and foreign key, or its SQL: a transaction that holds the parent
row never waits at a child row. Without that lock a child row has its parent's place in the order;
with an empty column it always has."""

INSERTED_UNDER = {
    "customers": ("billing_accounts", "partner_id"),
    "invitations": ("billing_accounts", "subaccount_id"),
}
"""Tables whose new rows have unique keys, with the row that is locked for an insert."""

GENERATED_KEYS = {
    "jobs",
    "mail_deliveries",
    "audit_heads",
    "clouds",
    "connections",
    "access_secrets",
    "memberships",
}
"""Tables at whose new rows nobody waits: their unique keys contain a generated ID; a new cloud has
no external ID, an order is queued under its subject's lock, a connection under all others'. New
memberships of a person are made in the order of their clouds, and two of one cloud and person are
made only by verbs that hold the cloud or the person."""

LAST, AUDIT_TABLES = "audit_heads", {"audit_heads", "audit_lines"}
"""After the first audit head a transaction writes nothing but audit rows."""

SYSTEM_COLUMNS = "xmin::text || ' ' || xmax::text || ' ' || ctid::text"


class Row(NamedTuple):
    table: str
    key: str
    parent_key: str
    """The key of the parent row."""
    is_subaccount: bool
    """Partners' accounts are locked before subaccounts."""


class LockTracker:
    """Tracks the row locks of each transaction, statement by statement."""

    def __init__(self) -> None:
        self.locked_rows: list[Row] = []
        """The rows that the transaction locked without holding their parents, in order."""
        self.violations: list[str] = []
        """Rows locked after a row of a later place, and statements that lock several rows without
        an order."""
        self._rows: dict[Row, str] = {}
        self._held: set[tuple[str, str]] = set()

    def on_begin(self, connection: Any) -> None:
        self._rows, self._held = _all_rows(connection), set()
        self.locked_rows = []

    def on_statement(self, connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        before, self._rows = self._rows, _all_rows(connection)
        changed = sorted(
            {row for row, _system in before.items() ^ self._rows.items()}, key=_order_key
        )
        waited = []
        for row in changed:
            is_new = row not in before
            is_held = self._is_held(row, is_new=is_new)
            if _may_wait(row, statement, is_new=is_new) and not is_held:
                waited.append(row)
            if is_new or is_held or waited[-1:] == [row]:
                self._held.add((row.table, row.key))
        self._check(changed, waited, statement)
        self.locked_rows += waited

    def _is_held(self, row: Row, *, is_new: bool) -> bool:
        parent, _column = (PARENTS | INSERTED_UNDER if is_new else PARENTS).get(row.table, ("", ""))
        return not self._held.isdisjoint({(row.table, row.key), (parent, row.parent_key)})

    def _check(self, changed: list[Row], waited: list[Row], statement: str) -> None:
        start = " ".join(statement.split()[:3])
        last = max(self.locked_rows, key=_order_key, default=None)
        if (
            last is not None
            and last.table == LAST
            and not {row.table for row in changed} <= AUDIT_TABLES
        ):
            self.violations.append(f"{changed[0].table} after {LAST} by {start}")
        if not waited or "SKIP LOCKED" in statement:  # SKIP LOCKED never waits
            return
        if last is not None and _order_key(waited[0]) < _order_key(last):
            self.violations.append(f"{waited[0].table} after {last.table} by {start}")
        if len(waited) > 1 and not statement.startswith("INSERT") and "ORDER BY" not in statement:
            self.violations.append(f"{len(waited)} of {waited[0].table} in no order by {start}")


def _order_key(row: Row) -> tuple[int, bool, str]:
    table = row.table
    while table in PARENTS:
        table = PARENTS[table][0]
    return ORDER.index(table), row.is_subaccount, row.key


def _may_wait(row: Row, statement: str, *, is_new: bool) -> bool:
    """Whether the statement may have waited for another transaction at this row.

    Rows that a foreign key refers to do not count. PostgreSQL locks them against a change of their
    key, which conflicts only with a change of address and with the removal of an import; what
    these lock afterwards is never held by a transaction that waits at such a row. A new row counts
    only if another transaction could insert the same key.
    """
    verb = statement.split(maxsplit=1)[0]
    if verb not in ("INSERT", "UPDATE", "DELETE"):
        return True
    table = statement.split(maxsplit=3)[1 if verb == "UPDATE" else 2]
    return row.table == table and (not is_new or verb != "INSERT" or _has_natural_key(table))


def _has_natural_key(name: str) -> bool:
    """Whether the table has a unique key other than a generated ID."""
    if name in GENERATED_KEYS:
        return False
    table = db.Base.metadata.tables[name]
    primary_key = {column.name for column in table.primary_key}
    unique = [{c.name for c in index.columns} for index in table.indexes if index.unique]
    unique += [
        {c.name for c in constraint.columns}
        for constraint in table.constraints
        if type(constraint).__name__ == "UniqueConstraint"
    ]
    return primary_key != {"id"} or any(not primary_key <= key for key in unique)


def _all_rows(connection: Any) -> dict[Row, str]:
    """Each row with its system columns, read without the ORM and its events."""
    cursor = connection.connection.cursor()
    cursor.execute(" UNION ALL ".join(map(_rows_query, db.Base.metadata.sorted_tables)))
    return {Row(*values[:4]): values[4] for values in cursor.fetchall()}


def _rows_query(table: Table) -> str:
    key = " || ' ' || ".join(f"{column.name}::text" for column in table.primary_key)
    _parent, column = (PARENTS | INSERTED_UNDER).get(table.name, ("", ""))
    is_subaccount = "parent_id IS NOT NULL" if table.name == "billing_accounts" else "false"
    parent_key = f"{column}::text" if column else "''"
    return (
        f"SELECT '{table.name}', {key}, {parent_key}, {is_subaccount}, {SYSTEM_COLUMNS}"
        f" FROM {table.name}"
    )


@contextmanager
def track_locks(engine: Engine) -> Iterator[LockTracker]:
    """Track the row locks of the transactions in this block."""
    tracker = LockTracker()
    event.listen(engine, "begin", tracker.on_begin)
    event.listen(engine, "after_cursor_execute", tracker.on_statement)
    try:
        yield tracker
    finally:
        event.remove(engine, "begin", tracker.on_begin)
        event.remove(engine, "after_cursor_execute", tracker.on_statement)
