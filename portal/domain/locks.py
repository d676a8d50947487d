"""The lock order: verbs lock rows in this one order, so that nobody waits in a circle.

Person first, with the idempotency keys that are theirs; then accounts by ID (partners before
subaccounts), cloud, customer, invitation, job, and audit heads by chain last (`audit.record` defers
them). Rows that belong to another one, as a cloud's links do, are changed only under its lock.
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
    "billing_accounts",
    "clouds",
    "customers",
    "invitations",
    "outbox",
    "audit_heads",
)
"""Tables, first to last."""


def lock(*rows: tuple[type[Any], str | None]) -> None:
    """Lock these rows until the commit, and read them again; None is skipped.

    Rows of one model go by ID, but where the model has a `lock_order` of columns, by that first.
    Raises LookupError where one is gone.
    """
    wanted: dict[type[Any], set[str]] = {}
    for model, ident in rows:
        if ident is not None:
            wanted.setdefault(model, set()).add(ident)
    for model in sorted(wanted, key=lambda model: ORDER.index(model.__tablename__)):
        for ident in _in_order(model, wanted[model]):
            db.lock(model, ident)


def _in_order(model: type[Any], idents: set[str]) -> list[str]:
    columns = getattr(model, "lock_order", None)
    if columns is None or len(idents) == 1:
        return sorted(idents)
    key = inspect(model).primary_key[0]
    return list(db.session.scalars(select(key).where(key.in_(idents)).order_by(*columns(), key)))


def rows(
    key: Any, *which: ColumnExpressionArgument[bool], skip_locked: bool = False
) -> Select[Any]:
    """The keys of these rows, locked in order as they are read; where `skip_locked`, only of those
    that nobody else has locked. For a statement that changes several rows."""
    return (
        select(key)
        .where(*which)
        .order_by(key)
        .with_for_update(key_share=True, skip_locked=skip_locked)
    )
