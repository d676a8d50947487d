"""Checks of the schema: its revision, and the guards that refuse illegal rows."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Table, inspect, text

from portal import db
from portal.domain.doctor.check import Problem, check
from portal.domain.doctor.constraints import constraint_name

TRIGGERS = {
    "audit_lines_fixed",
    "audit_lines_stay",
    "billing_accounts_closed_stays",
    "billing_accounts_paid_stays",
    "billing_accounts_stay",
    "billing_accounts_subaccount_stays",
    "billing_months_fixed",
    "billing_months_stay",
    "charge_sums_fixed",
    "charge_sums_stay",
    "charges_fixed",
    "charges_stay",
    "day_sums_fixed",
    "day_sums_stay",
    "customers_move",
    "customers_stay",
    "draws_fixed",
    "draws_stay",
    "entries_fixed",
    "entries_stay",
    "invitations_answered_once",
    "invitations_bound",
    "invitations_stay",
    "jobs_taking_access_goes_on",
    "jobs_taking_access_stays",
    "links_fixed",
    "links_stay",
    "lots_fixed",
    "lots_stay",
    "mail_deliveries_once_stays",
    "mail_deliveries_once_stays_final",
    "postings_fixed",
    "postings_stay",
    "price_totals_fixed",
    "price_totals_stay",
    "prices_fixed",
    "prices_stay",
    "rates_fixed",
    "rates_stay",
    "statement_lines_fixed",
    "statement_lines_stay",
    "statement_lines_whole",
    "statements_fixed",
    "statements_stay",
}
POSTGRESQL_TRIGGERS = {
    *("audit_lines_whole", "charges_whole", "day_sums_whole", "draws_whole", "entries_whole"),
    *("lots_whole", "price_totals_whole", "prices_whole", "rates_whole"),
    *("billing_months_kept", "charge_sums_kept", "statement_lines_kept", "statements_kept"),
}
"""The triggers of the migrations; models don't declare them."""

SQLITE_QUERY = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
POSTGRESQL_QUERY = (
    "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
    " WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
    " AND relnamespace = current_schema()::regnamespace"
)


@check("schema")
def migrations_not_at_head() -> Iterator[Problem]:
    revision, head = db.database_revision(), db.head_revision()
    if revision != head:
        yield Problem(
            str(revision), f"The database is at this revision; this version needs {head}."
        )


@check("schema")
def guard_missing() -> Iterator[Problem]:
    """A trigger, constraint or unique index that the database has lost or disabled."""
    is_postgresql = db.session.get_bind().dialect.name == "postgresql"
    query = POSTGRESQL_QUERY if is_postgresql else SQLITE_QUERY
    wanted = TRIGGERS | (POSTGRESQL_TRIGGERS if is_postgresql else set())
    for name in sorted(wanted - set(db.session.scalars(text(query)))):
        yield Problem(name, "The trigger is missing or disabled.")
    existing = _existing_guards()
    for table in db.Base.metadata.sorted_tables:
        for name in sorted(_declared_guards(table) - existing):
            yield Problem(name, f"The table {table.name} has no such constraint or unique index.")


def _declared_guards(table: Table) -> set[str]:
    """The names of the table's constraints and unique indexes in the models."""
    dialect = db.session.get_bind().dialect
    indexes = {str(index.name) for index in table.indexes if index.unique}
    return indexes | {constraint_name(constraint, dialect) for constraint in table.constraints}


def _existing_guards() -> set[str]:
    """The names of all constraints and unique indexes in the database."""
    inspector = inspect(db.session.connection())
    keys = inspector.get_multi_pk_constraint().values()
    lists = (
        inspector.get_multi_foreign_keys(),
        inspector.get_multi_unique_constraints(),
        inspector.get_multi_check_constraints(),
        inspector.get_multi_indexes(),
    )
    guards = [*keys, *(guard for tables in lists for found in tables.values() for guard in found)]
    return {str(guard["name"]) for guard in guards if guard.get("unique", True)}
