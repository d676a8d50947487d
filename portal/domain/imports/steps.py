"""The worker's part: rows are checked, then added one by one, each in a transaction of its own.

Whoever works on an import holds its row, so two workers never do the same; what a worker that died
had not committed is as if it had not been begun.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

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

log = logging.getLogger("portal.importing")

CHECKED_AT_ONCE = 50
"""Rows; others wait for the database meanwhile."""
AFTER_A_FAULT = timedelta(minutes=1)


def next_due() -> str | None:
    """The import that has waited longest for a worker; reads only, so idle workers lock nothing."""
    found = select(Import.id).where(_waits(), Import.due_at <= db.now())
    return db.session.scalar(found.order_by(Import.due_at).limit(1))


def run_step(ident: str) -> bool:
    """One step of an import. False where there is none for now: all is done, the partner's day is
    full, another worker is at it."""
    held = _lock_import(ident)
    if held is None:
        return False
    held.due_at = db.now()
    return _check(held) if held.state is State.CHECKING else _add(held)


def _lock_import(ident: str) -> Import | None:
    """The import, for this worker alone until the commit."""
    found = select(Import).where(Import.id == ident, _waits(), Import.due_at <= db.now())
    locked = found.with_for_update(skip_locked=True)
    return db.session.scalar(locked.execution_options(populate_existing=True))


def postpone(ident: str) -> None:
    """After a fault others come first."""
    values = {"due_at": db.now() + AFTER_A_FAULT}
    db.session.execute(update(Import).where(Import.id == ident).values(**values))


def close(held: Import, reason: dict[str, Any]) -> None:
    """What is not added yet is refused, all for the same reason; the import is over."""
    db.session.execute(
        update(ImportRow)
        .where(ImportRow.import_id == held.id, ImportRow.outcome == Outcome.NEW)
        .values(outcome=Outcome.REFUSED, reasons=[reason])
        .execution_options(synchronize_session=False)
    )
    _finish(held)


def _waits() -> Any:
    return Import.state.in_((State.CHECKING, State.IMPORTING))


def _check(held: Import) -> bool:
    partner = db.session.get_one(BillingAccount, held.partner_id)
    rows = _next(held, Outcome.UNCHECKED, CHECKED_AT_ONCE)
    for row in rows:
        judged = validate(partner, row.cells)
        row.reasons = [*row.reasons, *map(to_reason, judged.reasons)]
        row.is_twin = row.is_twin or judged.twin is not None
        _settle(row, judged.known)
    if not rows:
        held.state = State.CHECKED
    db.session.flush()
    return bool(rows)


def _settle(row: ImportRow, known: Customer | None) -> None:
    """A customer who is there already is left alone, whatever the row says."""
    if known is not None:
        row.outcome, row.customer_id, row.reasons = Outcome.KNOWN, known.id, []
    else:
        row.outcome = Outcome.REFUSED if row.reasons else Outcome.NEW


def _next(held: Import, outcome: Outcome, count: int) -> list[ImportRow]:
    found = select(ImportRow).where(ImportRow.import_id == held.id, ImportRow.outcome == outcome)
    return list(db.session.scalars(found.order_by(ImportRow.number).limit(count)))


def _add(held: Import) -> bool:
    partner = db.lock(BillingAccount, held.partner_id)
    by = _still_allowed(held, partner)
    if isinstance(by, Refused):
        close(held, to_reason(by))
        return False
    for row in _next(held, Outcome.NEW, 1):
        return _add_row(held, row, partner, by)
    _finish(held)
    return False


def _still_allowed(held: Import, partner: BillingAccount) -> Actor | Refused:
    """Who answers for the import, or why the rest of it can't be added any more."""
    user = db.session.get_one(User, held.user_id)
    by = identity.as_actor(user)
    try:
        if user.disabled_at is not None:
            raise Forbidden(Action.CUSTOMER_ADD)
        access.require(by, Action.CUSTOMER_ADD, partner)
        customers.require_can_add(partner)
    except Refused as error:
        return error
    return by


def _add_row(held: Import, row: ImportRow, partner: BillingAccount, by: Actor) -> bool:
    judged = validate(partner, row.cells)
    reasons = list(judged.reasons)
    if judged.twin is not None and not held.same_tin_is_meant:
        reasons.append(Refused(Code.TIN_NOT_MEANT, field="tin", **judged.twin.facts))
    row.reasons = [to_reason(reason) for reason in reasons]
    _settle(row, judged.known)
    if row.outcome is not Outcome.NEW:
        return True
    if (room_at := customers.next_invitation_at(partner)) is not None:
        held.due_at = room_at
        return False
    try:
        with db.savepoint():
            draft, meant = judged.draft, held.same_tin_is_meant
            added = customers.add(partner, by=by, draft=draft, same_tin_is_meant=meant)
    except OperationalError:  # the database is busy or gone: the row waits
        raise
    except Exception as error:
        row.outcome, row.reasons = Outcome.REFUSED, [to_reason(_refusal_of(row, error))]
    else:
        row.outcome, row.customer_id, row.cells = Outcome.ADDED, added.id, {}
    return True


def _refusal_of(row: ImportRow, error: Exception) -> Refused:
    """A fault of ours in one row does not hold up the others."""
    if isinstance(error, Refused):
        return error
    log.error("import %s, row %s: a fault of ours", row.import_id, row.number, exc_info=error)
    return Refused(Code.IMPORT_FAULT)


def _finish(held: Import) -> None:
    """What was not refused needs its cells no more."""
    held.state, held.over_at = State.OVER, db.now()
    db.session.execute(
        update(ImportRow)
        .where(ImportRow.import_id == held.id, ImportRow.outcome != Outcome.REFUSED)
        .values(cells={})
        .execution_options(synchronize_session=False)
    )
    db.session.flush()
