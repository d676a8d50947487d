"""Checks of rows by the constraints of the models, whether or not the database enforces them.

SQLite's shell leaves foreign keys off, and a restore may lose or disable constraints. Each check is
one statement, a UNION of one query for each constraint or table.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ColumnElement,
    Constraint,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    String,
    Table,
    TextClause,
    UniqueConstraint,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    union_all,
)

from portal import db
from portal.domain.doctor.check import Problem, Query, check, stream

HAVE_OWN_CHECK = {
    "fk_audit_lines_chain_audit_heads",
    "fk_customers_default_cloud_id_clouds",
    "fk_customers_subaccount_id_partner_id_billing_accounts",
    "fk_invitations_subaccount_id_partner_id_billing_accounts",
    "fk_links_cloud_id_continues_at_links",
    "pk_invitations",
    "uq_customers_default_cloud_id",
    "uq_customers_subaccount_id",
    "uq_folders_default",
    "uq_links_cloud_id_since_at",
    "uq_links_cloud_id_until_at",
    "uq_links_open",
    "uq_outbox_once",
}
"""Constraints whose broken rows another check reports, in the words of its invariant."""


@check("schema")
def row_breaks_condition() -> Iterator[Problem]:
    queries = map(_condition_query, db.Base.metadata.sorted_tables)
    for key, table, name in stream(union_all(*queries)):
        yield Problem(key, f"The row of {table} breaks {name}.")


@check("schema")
def value_not_unique() -> Iterator[Problem]:
    queries = [
        query for table in db.Base.metadata.sorted_tables for query in _unique_queries(table)
    ]
    for key, table, name, count in stream(union_all(*queries)):
        yield Problem(key, f"{count} rows of {table} break {name}; this is one of them.")


@check("schema")
def reference_to_nothing() -> Iterator[Problem]:
    queries = [
        _reference_query(table, constraint)
        for table in db.Base.metadata.sorted_tables
        for constraint in table.foreign_key_constraints
        if constraint_name(constraint) not in HAVE_OWN_CHECK
    ]
    for key, table, name in stream(union_all(*queries)):
        yield Problem(key, f"The row of {table} refers to a row that does not exist ({name}).")


def constraint_name(constraint: Constraint) -> str:
    """The name of the constraint in the database."""
    preparer = db.session.get_bind().dialect.identifier_preparer
    return str(preparer.format_constraint(constraint)).strip('"')


def _condition_query(table: Table) -> Query:
    """The rows that break a CHECK or a NOT NULL of the table: key, table, name."""
    broken: list[tuple[ColumnElement[bool], str]] = [
        (column.is_(None), f"NOT NULL of {column.name}")
        for column in table.columns
        if not column.nullable
    ]
    broken += [
        (not_(_condition(constraint)), constraint_name(constraint))
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    ]
    name = case(*((condition, literal(name)) for condition, name in broken))
    conditions = or_(*(condition for condition, _name in broken))
    return select(_key(table), literal(table.name), name).where(conditions)


def _condition(constraint: CheckConstraint) -> ColumnElement[bool]:
    if isinstance(constraint.sqltext, TextClause):
        return literal_column(f"({constraint.sqltext.text})", Boolean)
    sqltext: ColumnElement[bool] = constraint.sqltext
    return sqltext


def _unique_queries(table: Table) -> Iterator[Query]:
    """The values that are not unique, by each key of the table: key, table, name, count."""
    for constraint in table.constraints:
        if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint):
            yield from _unique_query(table, constraint_name(constraint), [*constraint.columns])
    for index in table.indexes:
        if index.unique:
            where = index.dialect_options["sqlite"]["where"]
            yield from _unique_query(table, str(index.name), [*index.columns], where)


def _unique_query(
    table: Table, name: str, columns: list[Any], where: Any = None
) -> Iterator[Query]:
    if name in HAVE_OWN_CHECK:
        return
    conditions = [column.is_not(None) for column in columns if column.nullable]
    if where is not None:
        conditions.append(where)
    key, count = func.min(_key(table)), func.count()
    query = select(key, literal(table.name), literal(name), count).where(*conditions)
    yield query.group_by(*columns).having(count > 1)


def _reference_query(table: Table, constraint: ForeignKeyConstraint) -> Query:
    """The rows that refer to nothing: key, table, name."""
    parent = constraint.referred_table.alias()
    pairs = [(element.parent, parent.c[element.column.name]) for element in constraint.elements]
    is_parent = and_(*(child == referred for child, referred in pairs))
    name = literal(constraint_name(constraint))
    return (
        select(_key(table), literal(table.name), name)
        .select_from(table.outerjoin(parent, is_parent))
        .where(
            *(child.is_not(None) for child, _referred in pairs),
            pairs[0][1].is_(None),
        )
    )


def _key(table: Table) -> ColumnElement[str]:
    """The primary key as text; its columns are separated by slashes."""
    columns = [cast(column, String) for column in table.primary_key.columns]
    return reduce(lambda key, column: key + "/" + column, columns[1:], columns[0])
