"""The lifecycle of an import: upload a file, begin the import, end it early, remove it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, insert, select

from portal import db
from portal.domain import access, audit, customers, jobs
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.imports.parser import Line
from portal.domain.imports.record import (
    Import,
    ImportRow,
    Outcome,
    State,
    delete_imports,
    lane_of,
    queue_steps,
    to_reason,
)
from portal.domain.imports.steps import close

MAX_OPEN_IMPORTS = 5
"""Unfinished imports per partner; each holds a file of personal data."""


def upload(partner: BillingAccount, *, by: Actor, lines: list[Line]) -> Import:
    """Everyone who may add customers may upload a file; the worker then checks each row.

    Raises Forbidden; Refused("imports-many") and as `customers.require_can_add`.
    """
    partner = db.lock(BillingAccount, partner.id)
    access.require(by, Action.CUSTOMER_ADD, partner)
    customers.require_can_add(partner)
    unfinished = select(func.count()).where(
        Import.partner_id == partner.id, Import.state != State.OVER
    )
    if db.session.execute(unfinished).scalar_one() >= MAX_OPEN_IMPORTS:
        raise Refused(Code.IMPORTS_MANY, most=MAX_OPEN_IMPORTS)
    import_ = Import(
        id=db.new_id("imp"),
        partner_id=partner.id,
        user_id=by.id,
        state=State.CHECKING,
        created_at=db.now(),
    )
    db.session.add(import_)
    db.session.flush()
    rows = [
        {**vars(line), "import_id": import_.id, "outcome": Outcome.UNCHECKED, "customer_id": None}
        for line in lines
    ]
    db.session.execute(insert(ImportRow), rows)
    queue_steps(import_)
    _record(Action.IMPORT_UPLOAD, import_, by=by, rows=len(rows))
    return import_


def begin(import_: Import, *, by: Actor, same_tin_is_meant: bool = False) -> None:
    """Everyone who may add customers may begin a checked import; its customers are added in their
    name. Has no effect on an import in progress.

    Raises Forbidden; Refused("import-not-checked") and as `customers.require_can_add`.
    """
    import_ = db.lock(Import, import_.id)
    partner = db.session.get_one(BillingAccount, import_.partner_id)
    access.require(by, Action.CUSTOMER_ADD, partner)
    customers.require_can_add(partner)
    if import_.state is State.IMPORTING:
        return
    if import_.state is not State.CHECKED:
        raise Refused(Code.IMPORT_NOT_CHECKED)
    import_.state, import_.user_id = State.IMPORTING, by.id
    import_.same_tin_is_meant = same_tin_is_meant
    queue_steps(import_)
    new_rows = select(func.count()).where(
        ImportRow.import_id == import_.id, ImportRow.outcome == Outcome.NEW
    )
    _record(Action.IMPORT_BEGIN, import_, by=by, rows=db.session.execute(new_rows).scalar_one())


def end(import_: Import, *, by: Actor) -> None:
    """Everyone who may add customers may end an import early: added customers stay, the remaining
    rows are refused. Has no effect on an import that is over.

    Raises Forbidden, Refused("import-not-begun").
    """
    import_ = db.lock(Import, import_.id)
    access.require(by, Action.CUSTOMER_ADD, db.session.get_one(BillingAccount, import_.partner_id))
    if import_.state is State.OVER:
        return
    if import_.state is not State.IMPORTING:
        raise Refused(Code.IMPORT_NOT_BEGUN)
    close(import_, to_reason(Refused(Code.IMPORT_ENDED)))
    jobs.cancel(lane_of(import_))
    _record(Action.IMPORT_END, import_, by=by)


def cancel(import_id: str, *, by: Actor) -> None:
    """Close an import whose job an operator cancels: added customers stay, the remaining rows are
    refused. Has no effect if no step is left, or the import was removed. The calling verb checks
    the permission and ends the job."""
    try:
        import_ = db.lock(Import, import_id)
    except LookupError:
        return
    if import_.state in (State.CHECKING, State.IMPORTING):
        close(import_, to_reason(Refused(Code.IMPORT_CANCELLED)))
        _record(Action.IMPORT_END, import_, by=by)


def remove(import_: Import, *, by: Actor) -> None:
    """Everyone who may add customers may delete an import that is not in progress; customers added
    by it stay.

    Raises Forbidden, Refused("import-running").
    """
    import_ = db.lock(Import, import_.id)
    access.require(by, Action.CUSTOMER_ADD, db.session.get_one(BillingAccount, import_.partner_id))
    if import_.state is State.IMPORTING:
        raise Refused(Code.IMPORT_RUNNING)
    jobs.cancel(lane_of(import_))
    _record(Action.IMPORT_REMOVE, import_, by=by)
    delete_imports(Import.id == import_.id)


def _record(action: Action, import_: Import, *, by: Actor, **facts: Any) -> None:
    audit.record(action, by=by, chain=import_.partner_id, thing=import_.id, **facts)
