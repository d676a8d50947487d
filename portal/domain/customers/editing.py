"""Editing a customer's record, and correcting the address it was invited at."""

from __future__ import annotations

from dataclasses import fields, replace

from portal import db
from portal.domain import access, accounts, audit
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.customers.adding import add, find_problems
from portal.domain.customers.lifecycle import withdraw
from portal.domain.customers.notes import move_notes
from portal.domain.customers.record import Customer, Draft, Status, hold
from portal.domain.errors import Code, Refused


def edit(
    record: Customer, *, by: Actor, draft: Draft, version: int, same_tin_is_meant: bool = False
) -> None:
    """Editors of the partner's account change everything but the invited address.

    `version` is the record's as it was shown. Raises Forbidden; Refused(Code.CUSTOMER_INACTIVE,
    "record-changed"), a malformed field's code, or one of `problems`.
    """
    partner = hold(record)
    access.require(by, Action.CUSTOMER_EDIT, partner)
    if record.status is Status.INACTIVE:
        raise Refused(Code.CUSTOMER_INACTIVE)
    if record.version != version:
        raise Refused(Code.RECORD_CHANGED)
    draft = replace(draft, invitation_email=record.invitation_email).normalised()
    for problem in find_problems(partner, draft, same_tin_is_meant=same_tin_is_meant, but=record):
        raise problem
    before = draft_of(record)
    changed = [f.name for f in fields(Draft) if getattr(draft, f.name) != getattr(before, f.name)]
    changed = [name for name in changed if name != "with_cloud"]
    if not changed:
        return
    record.fill(draft)
    record.version += 1
    subaccount = db.session.get_one(BillingAccount, record.subaccount_id)
    accounts.rename(subaccount, name=draft.name)
    audit.record(
        Action.CUSTOMER_EDIT,
        by=by,
        chain=partner.id,
        thing=record.id,
        customer=record.id,
        fields=changed,
    )


def correct_address(record: Customer, *, by: Actor, email: str) -> Customer:
    """Editors of the partner's account invite the right address: the old customer is Inactive, its
    mail cancelled if not yet sent, and a new one has the same data, a new subaccount, its own mail.

    Raises Forbidden; Refused(Code.CUSTOMER_ANSWERED) and as `add`.
    """
    partner = hold(record)
    access.require(by, Action.CUSTOMER_EDIT, partner)
    draft = replace(draft_of(record), invitation_email=email, manager_id="")
    withdraw(record, by=by)
    corrected = add(partner, by=by, draft=draft, same_tin_is_meant=True)
    corrected.manager_id = record.manager_id  # who left the staff stays on it, as when editing
    move_notes(record, corrected)
    audit.record(
        Action.CUSTOMER_CORRECT_ADDRESS,
        by=by,
        chain=partner.id,
        thing=record.id,
        customer=record.id,
        corrected=corrected.id,
    )
    return corrected


def draft_of(record: Customer) -> Draft:
    """The record as a form shows it."""
    known = {f.name: getattr(record, f.name) for f in fields(Draft) if f.name != "with_cloud"}
    known["manager_id"] = record.manager_id or ""
    return Draft(**known, with_cloud=record.default_cloud_id is not None)
