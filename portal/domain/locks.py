"""The lock order: all verbs lock rows in this one order, which prevents deadlocks.

Idempotency keys are locked with their user. Accounts go by ID, partners before subaccounts. Audit
heads come last, by chain (`audit.record` defers them). Rows that belong to another row, such as a
cloud's links, are changed only under that row's lock.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnExpressionArgument, Select, inspect, select

from portal import db

ORDER = (
    "tries",
    "allowed_emails",
    "users",
    "sign_ups",
    "imports",
    "installation",
    "usage_sources",
    "deliveries",
    "billing_accounts",
    "connections",
    "claims",
    "clouds",
    "drifts",
    "customers",
    "invitations",
    "memberships",
    "postings",
    "alerts",
    "jobs",
    "circuit_breakers",
    "mail_deliveries",
    "recent_notice_mails",
    "audit_heads",
)
"""Tables, first to last, that are locked by row."""


def lock(*rows: tuple[type[Any], str | None]) -> None:
    """Lock rows, each a model and an ID, until the commit, and refresh them. A None ID is skipped.

    Rows of one model are locked by its `lock_order` of columns, if it has one, then by ID. Raises
    LookupError if a row does not exist.
    """
    ids_by_model: dict[type[Any], set[str]] = {}
    for model, row_id in rows:
        if row_id is not None:
            ids_by_model.setdefault(model, set()).add(row_id)
    for model in sorted(ids_by_model, key=lambda model: ORDER.index(model.__tablename__)):
        for row_id in _sort_ids(model, ids_by_model[model]):
            db.lock(model, row_id)


def _sort_ids(model: type[Any], ids: set[str]) -> list[str]:
    columns = getattr(model, "lock_order", None)
    if columns is None or len(ids) == 1:
        return sorted(ids)
    key = inspect(model).primary_key[0]
    return list(db.session.scalars(select(key).where(key.in_(ids)).order_by(*columns(), key)))


def select_for_update(
    key: Any, *conditions: ColumnExpressionArgument[bool], skip_locked: bool = False
) -> Select[Any]:
    """A SELECT of keys that locks the rows in the order of their keys; for a statement that changes
    several rows. With `skip_locked` it omits rows that another transaction has locked."""
    return (
        select(key)
        .where(*conditions)
        .order_by(key)
        .with_for_update(key_share=True, skip_locked=skip_locked)
    )
