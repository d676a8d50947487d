"""What people do with an import: upload a file, begin to import it, end that early, remove it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, insert, select

from portal import db
from portal.domain import access, audit, customers
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
    to_reason,
)
from portal.domain.imports.steps import close

MAX_OPEN_IMPORTS = 5
"""Imports of one partner that are not over; each holds up to a file of other people's data."""


def upload(partner: BillingAccount, *, by: Actor, lines: list[Line]) -> Import:
    """Who may add customers has a file tried: the worker says what would become of each row.

    Raises Forbidden, Refused(Code.IMPORTS_MANY) and as `customer.refuse_to_grow`.
    """
    partner = db.lock(BillingAccount, partner.id)
    access.require(by, Action.CUSTOMER_ADD, partner)
    customers.require_can_add(partner)
    unfinished = select(func.count()).where(
        Import.partner_id == partner.id, Import.state != State.OVER
    )
    if db.session.execute(unfinished).scalar_one() >= MAX_OPEN_IMPORTS:
        raise Refused(Code.IMPORTS_MANY, most=MAX_OPEN_IMPORTS)
    held = Import(
        id=db.new_id("imp"),
        partner_id=partner.id,
        user_id=by.id,
        state=State.CHECKING,
        created_at=db.now(),
        due_at=db.now(),
    )
    db.session.add(held)
    db.session.flush()
    rows = [
        {**vars(line), "import_id": held.id, "outcome": Outcome.UNCHECKED, "customer_id": None}
        for line in lines
    ]
    db.session.execute(insert(ImportRow), rows)
    _record(Action.IMPORT_UPLOAD, held, by=by, rows=len(rows))
    return held


def begin(held: Import, *, by: Actor, same_tin_is_meant: bool = False) -> None:
    """Who may add customers has the checked rows added; from here on they answer for it.

    Raises Forbidden, Refused(Code.IMPORT_NOT_CHECKED) and as `customer.refuse_to_grow`.
    """
    held = db.lock(Import, held.id)
    partner = db.session.get_one(BillingAccount, held.partner_id)
    access.require(by, Action.CUSTOMER_ADD, partner)
    customers.require_can_add(partner)
    if held.state is State.IMPORTING:
        return
    if held.state is not State.CHECKED:
        raise Refused(Code.IMPORT_NOT_CHECKED)
    held.state, held.user_id = State.IMPORTING, by.id
    held.same_tin_is_meant, held.due_at = same_tin_is_meant, db.now()
    new = select(func.count()).where(
        ImportRow.import_id == held.id, ImportRow.outcome == Outcome.NEW
    )
    _record(Action.IMPORT_BEGIN, held, by=by, rows=db.session.execute(new).scalar_one())


def end(held: Import, *, by: Actor) -> None:
    """Who may add customers ends an import early: what is added stays, the rest is refused.

    Raises Forbidden, Refused(Code.IMPORT_NOT_BEGUN).
    """
    held = db.lock(Import, held.id)
    access.require(by, Action.CUSTOMER_ADD, db.session.get_one(BillingAccount, held.partner_id))
    if held.state is State.OVER:
        return
    if held.state is not State.IMPORTING:
        raise Refused(Code.IMPORT_NOT_BEGUN)
    close(held, to_reason(Refused(Code.IMPORT_ENDED)))
    _record(Action.IMPORT_END, held, by=by)


def remove(held: Import, *, by: Actor) -> None:
    """Who may add customers drops a file that is not being imported; customers added from it stay.

    Raises Forbidden, Refused(Code.IMPORT_RUNNING).
    """
    held = db.lock(Import, held.id)
    access.require(by, Action.CUSTOMER_ADD, db.session.get_one(BillingAccount, held.partner_id))
    if held.state is State.IMPORTING:
        raise Refused(Code.IMPORT_RUNNING)
    _record(Action.IMPORT_REMOVE, held, by=by)
    delete_imports(Import.id == held.id)


def _record(action: Action, held: Import, *, by: Actor, **facts: Any) -> None:
    audit.record(action, by=by, chain=held.partner_id, thing=held.id, **facts)
