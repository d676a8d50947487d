"""The worker's steps of an import: check rows in batches, then add one customer per transaction.

A step locks its import's row, so two workers never do the same step. If a worker dies, its
transaction is rolled back and another worker repeats the step.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from portal import db
from portal.domain import access, customers, identity
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.customers import Customer
from portal.domain.errors import Code, Forbidden, Refused
from portal.domain.identity import User
from portal.domain.imports.record import Import, ImportRow, Outcome, State, to_reason
from portal.domain.imports.validation import validate

log = structlog.get_logger(__name__)

CHECK_BATCH_SIZE = 50
"""Rows per transaction; other writers wait for it on SQLite."""


def run_step(import_id: str) -> datetime | None:
    """Run one step of an import. Return when the next one is due: now, or when the partner may
    invite again. None if there is none: rows wait for a person, or the import is over or removed.
    """
    try:
        import_ = db.lock(Import, import_id)
    except LookupError:
        return None
    if import_.state is State.CHECKING:
        return db.now() if _check(import_) else None
    return _add(import_) if import_.state is State.IMPORTING else None


def close(import_: Import, reason: dict[str, Any]) -> None:
    """Refuse all rows not added yet, for the same reason, and finish the import."""
    db.session.execute(
        update(ImportRow)
        .where(
            ImportRow.import_id == import_.id,
            ImportRow.outcome.in_((Outcome.UNCHECKED, Outcome.NEW)),
        )
        .values(outcome=Outcome.REFUSED, reasons=[reason])
        .execution_options(synchronize_session=False)
    )
    _finish(import_)


def _check(import_: Import) -> bool:
    partner = db.session.get_one(BillingAccount, import_.partner_id)
    rows = _next_rows(import_, Outcome.UNCHECKED, CHECK_BATCH_SIZE)
    for row in rows:
        validation = validate(partner, row.cells)
        row.reasons = [*row.reasons, *map(to_reason, validation.reasons)]
        row.is_twin = row.is_twin or validation.tin_conflict is not None
        _set_outcome(row, validation.existing)
    if not rows:
        import_.state = State.CHECKED
    db.session.flush()
    return bool(rows)


def _set_outcome(row: ImportRow, existing: Customer | None) -> None:
    """An existing customer is never changed: its row is KNOWN, whatever else is wrong with it."""
    if existing is not None:
        row.outcome, row.customer_id, row.reasons = Outcome.KNOWN, existing.id, []
    else:
        row.outcome = Outcome.REFUSED if row.reasons else Outcome.NEW


def _next_rows(import_: Import, outcome: Outcome, count: int) -> list[ImportRow]:
    query = select(ImportRow).where(ImportRow.import_id == import_.id, ImportRow.outcome == outcome)
    return list(db.session.scalars(query.order_by(ImportRow.number).limit(count)))


def _add(import_: Import) -> datetime | None:
    partner = db.lock(BillingAccount, import_.partner_id)
    by = _actor_or_refusal(import_, partner)
    if isinstance(by, Refused):
        close(import_, to_reason(by))
        return None
    for row in _next_rows(import_, Outcome.NEW, 1):
        return _add_row(import_, row, partner, by)
    _finish(import_)
    return None


def _actor_or_refusal(import_: Import, partner: BillingAccount) -> Actor | Refused:
    """Return the import's user as actor, or why they may not add its customers any more."""
    user = db.session.get_one(User, import_.user_id)
    actor = identity.as_actor(user)
    try:
        if not user.is_active:
            raise Forbidden(Action.CUSTOMER_ADD)
        access.require(actor, Action.CUSTOMER_ADD, partner)
        customers.require_can_add(partner)
    except Refused as error:
        return error
    return actor


def _add_row(import_: Import, row: ImportRow, partner: BillingAccount, by: Actor) -> datetime:
    validation = validate(partner, row.cells)
    reasons = list(validation.reasons)
    if validation.tin_conflict is not None and not import_.same_tin_is_meant:
        reasons.append(Refused(Code.TIN_NOT_MEANT, field="tin", **validation.tin_conflict.facts))
    row.reasons = [to_reason(reason) for reason in reasons]
    _set_outcome(row, validation.existing)
    if row.outcome is not Outcome.NEW:
        return db.now()
    if (next_at := customers.next_invitation_at(partner)) is not None:
        return next_at
    try:
        with db.savepoint():
            draft, is_meant = validation.draft, import_.same_tin_is_meant
            customer = customers.add(partner, by=by, draft=draft, same_tin_is_meant=is_meant)
    except OperationalError:  # the database is busy or unavailable: retry the row later
        raise
    except Exception as error:
        if db.unavailable_from(error, is_writing=True):
            raise
        row.outcome, row.reasons = Outcome.REFUSED, [to_reason(_refusal_of(row, error))]
    else:
        row.outcome, row.customer_id, row.cells = Outcome.ADDED, customer.id, {}
    return db.now()


def _refusal_of(row: ImportRow, error: Exception) -> Refused:
    """Return the refusal to store for an error: a bug in one row does not stop the others."""
    if isinstance(error, Refused):
        return error
    log.error("import.row_failed", import_id=row.import_id, row=row.number, exc_info=error)
    return Refused(Code.IMPORT_FAULT)


def _finish(import_: Import) -> None:
    """Set the state, and empty the cells of all rows that were not refused."""
    import_.state, import_.over_at = State.OVER, db.now()
    db.session.execute(
        update(ImportRow)
        .where(ImportRow.import_id == import_.id, ImportRow.outcome != Outcome.REFUSED)
        .values(cells={})
        .execution_options(synchronize_session=False)
    )
    db.session.flush()
