"""Checks of rows by the constraints of the models, whether or not the database enforces them.

SQLite's shell leaves foreign keys off, and a restore may lose or disable constraints. Each check is
one statement, a UNION of one query for each constraint or table; to build it takes longer than to
run it on a small database.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, reduce
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ColumnElement,
    CompoundSelect,
    Constraint,
    Dialect,
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
    "uq_mail_deliveries_once",
}
"""Constraints whose broken rows another check reports, in the words of its invariant."""


@check("schema")
def row_breaks_condition() -> Iterator[Problem]:
    for key, table, name in stream(_condition_queries(db.session.get_bind().dialect)):
        yield Problem(key, f"The row of {table} breaks {name}.")


@check("schema")
def value_not_unique() -> Iterator[Problem]:
    for key, table, name, count in stream(_unique_queries(db.session.get_bind().dialect)):
        yield Problem(key, f"{count} rows of {table} break {name}; this is one of them.")


@check("schema")
def reference_to_nothing() -> Iterator[Problem]:
    for key, table, name in stream(_reference_queries(db.session.get_bind().dialect)):
        yield Problem(key, f"The row of {table} refers to a row that does not exist ({name}).")


def constraint_name(constraint: Constraint, dialect: Dialect) -> str:
    """The name of the constraint in the database."""
    return str(dialect.identifier_preparer.format_constraint(constraint)).strip('"')


@cache
def _condition_queries(dialect: Dialect) -> CompoundSelect[*tuple[Any, ...]]:
    tables = db.Base.metadata.sorted_tables
    return union_all(*(_condition_query(table, dialect) for table in tables))


@cache
def _unique_queries(dialect: Dialect) -> CompoundSelect[*tuple[Any, ...]]:
    return union_all(
        *(
            _unique_query(table, name, columns, where)
            for table in db.Base.metadata.sorted_tables
            for name, columns, where in unique_keys(table, dialect)
            if name not in HAVE_OWN_CHECK
        )
    )


@cache
def _reference_queries(dialect: Dialect) -> CompoundSelect[*tuple[Any, ...]]:
    return union_all(
        *(
            _reference_query(table, constraint, name)
            for table in db.Base.metadata.sorted_tables
            for constraint in table.foreign_key_constraints
            if (name := constraint_name(constraint, dialect)) not in HAVE_OWN_CHECK
        )
    )


def _condition_query(table: Table, dialect: Dialect) -> Query:
    """The rows that break a CHECK or a NOT NULL of the table: key, table, name."""
    broken: list[tuple[ColumnElement[bool], str]] = [
        (column.is_(None), f"NOT NULL of {column.name}")
        for column in table.columns
        if not column.nullable
    ]
    broken += [
        (not_(_condition(constraint)), constraint_name(constraint, dialect))
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


def unique_keys(table: Table, dialect: Dialect) -> Iterator[tuple[str, list[Any], Any]]:
    """The unique keys of the table: name, columns, and the condition of a partial index."""
    for constraint in table.constraints:
        if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint):
            yield constraint_name(constraint, dialect), [*constraint.columns], None
    for index in table.indexes:
        if index.unique:
            where = index.dialect_options[dialect.name]["where"]
            yield str(index.name), [*index.columns], where


def _unique_query(table: Table, name: str, columns: list[Any], where: Any) -> Query:
    """The values of a unique key that are not unique: key, table, name, count."""
    conditions = [column.is_not(None) for column in columns if column.nullable]
    if where is not None:
        conditions.append(where)
    key, count = func.min(_key(table)), func.count()
    query = select(key, literal(table.name), literal(name), count).where(*conditions)
    return query.group_by(*columns).having(count > 1)


def _reference_query(table: Table, constraint: ForeignKeyConstraint, name: str) -> Query:
    """The rows that refer to nothing: key, table, name."""
    parent = constraint.referred_table.alias()
    pairs = [(element.parent, parent.c[element.column.name]) for element in constraint.elements]
    is_parent = and_(*(child == referred for child, referred in pairs))
    return (
        select(_key(table), literal(table.name), literal(name))
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
