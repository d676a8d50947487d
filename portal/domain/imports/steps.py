"""The worker's steps of an import: check rows in batches, then add one customer per transaction.

A step locks its import's row, so two workers never do the same step. If a worker dies, its
transaction is rolled back and another worker repeats the step.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, select, update
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

log = logging.getLogger("portal.importing")

CHECK_BATCH_SIZE = 50
"""Rows per transaction; other writers wait for it on SQLite."""
RETRY_DELAY = timedelta(minutes=1)


def next_due() -> str | None:
    """Return the ID of the import that has been due for longest, or None. Locks nothing."""
    query = select(Import.id).where(_is_waiting(), Import.due_at <= db.now())
    return db.session.scalar(query.order_by(Import.due_at).limit(1))


def run_step(import_id: str) -> bool:
    """Run one step of an import. Return False if there is none for now: the import is finished,
    the partner's invitation quota is used up, or another worker has locked the import."""
    import_ = _lock_import(import_id)
    if import_ is None:
        return False
    import_.due_at = db.now()
    return _check(import_) if import_.state is State.CHECKING else _add(import_)


def _lock_import(import_id: str) -> Import | None:
    """Lock and return the import if it is due and no other transaction has locked it."""
    query = select(Import).where(Import.id == import_id, _is_waiting(), Import.due_at <= db.now())
    query = query.with_for_update(skip_locked=True)
    return db.session.scalar(query.execution_options(populate_existing=True))


def postpone(import_id: str) -> None:
    """Postpone an import's next step after an error, so that other imports come first."""
    due_at = db.now() + RETRY_DELAY
    db.session.execute(update(Import).where(Import.id == import_id).values(due_at=due_at))


def close(import_: Import, reason: dict[str, Any]) -> None:
    """Refuse all rows not added yet, for the same reason, and finish the import."""
    db.session.execute(
        update(ImportRow)
        .where(ImportRow.import_id == import_.id, ImportRow.outcome == Outcome.NEW)
        .values(outcome=Outcome.REFUSED, reasons=[reason])
        .execution_options(synchronize_session=False)
    )
    _finish(import_)


def _is_waiting() -> ColumnElement[bool]:
    return Import.state.in_((State.CHECKING, State.IMPORTING))


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


def _add(import_: Import) -> bool:
    partner = db.lock(BillingAccount, import_.partner_id)
    by = _actor_or_refusal(import_, partner)
    if isinstance(by, Refused):
        close(import_, to_reason(by))
        return False
    for row in _next_rows(import_, Outcome.NEW, 1):
        return _add_row(import_, row, partner, by)
    _finish(import_)
    return False


def _actor_or_refusal(import_: Import, partner: BillingAccount) -> Actor | Refused:
    """Return the import's user as actor, or why they may not add its customers any more."""
    user = db.session.get_one(User, import_.user_id)
    actor = identity.as_actor(user)
    try:
        if user.disabled_at is not None:
            raise Forbidden(Action.CUSTOMER_ADD)
        access.require(actor, Action.CUSTOMER_ADD, partner)
        customers.require_can_add(partner)
    except Refused as error:
        return error
    return actor


def _add_row(import_: Import, row: ImportRow, partner: BillingAccount, by: Actor) -> bool:
    validation = validate(partner, row.cells)
    reasons = list(validation.reasons)
    if validation.tin_conflict is not None and not import_.same_tin_is_meant:
        reasons.append(Refused(Code.TIN_NOT_MEANT, field="tin", **validation.tin_conflict.facts))
    row.reasons = [to_reason(reason) for reason in reasons]
    _set_outcome(row, validation.existing)
    if row.outcome is not Outcome.NEW:
        return True
    if (next_at := customers.next_invitation_at(partner)) is not None:
        import_.due_at = next_at
        return False
    try:
        with db.savepoint():
            draft, is_meant = validation.draft, import_.same_tin_is_meant
            customer = customers.add(partner, by=by, draft=draft, same_tin_is_meant=is_meant)
    except OperationalError:  # the database is busy or unavailable: retry the row later
        raise
    except Exception as error:
        row.outcome, row.reasons = Outcome.REFUSED, [to_reason(_refusal_of(row, error))]
    else:
        row.outcome, row.customer_id, row.cells = Outcome.ADDED, customer.id, {}
    return True


def _refusal_of(row: ImportRow, error: Exception) -> Refused:
    """Return the refusal to store for an error: a bug in one row does not stop the others."""
    if isinstance(error, Refused):
        return error
    log.error("import %s, row %s: a fault of ours", row.import_id, row.number, exc_info=error)
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
