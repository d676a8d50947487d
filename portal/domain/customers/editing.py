"""Editing a customer, and correcting the address to which its invitation was sent."""

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
from portal.domain.customers.record import Customer, Draft, Status, lock_customer
from portal.domain.errors import Code, Refused


def edit(
    customer: Customer, *, by: Actor, draft: Draft, version: int, same_tin_is_meant: bool = False
) -> None:
    """Editors of the partner's account change every field but the invited address.

    `version` is the version that the form was filled from. Raises Forbidden;
    Refused("customer-inactive", "record-changed") or as `Draft.normalised` and `find_problems`.
    """
    partner = lock_customer(customer)
    access.require(by, Action.CUSTOMER_EDIT, partner)
    if customer.status is Status.INACTIVE:
        raise Refused(Code.CUSTOMER_INACTIVE)
    if customer.version != version:
        raise Refused(Code.RECORD_CHANGED)
    draft = replace(draft, invitation_email=customer.invitation_email).normalised()
    for problem in find_problems(
        partner, draft, same_tin_is_meant=same_tin_is_meant, current=customer
    ):
        raise problem
    before = draft_of(customer)
    names = [field.name for field in fields(Draft) if field.name != "with_cloud"]
    changed_fields = [name for name in names if getattr(draft, name) != getattr(before, name)]
    if not changed_fields:
        return
    customer.apply(draft)
    customer.version += 1
    subaccount = db.session.get_one(BillingAccount, customer.subaccount_id)
    accounts.rename(subaccount, name=draft.name)
    audit.record(
        Action.CUSTOMER_EDIT,
        by=by,
        chain=partner.id,
        thing=customer.id,
        customer=customer.id,
        fields=changed_fields,
    )


def correct_address(customer: Customer, *, by: Actor, email: str) -> Customer:
    """Editors of the partner's account invite another address in place of a waiting customer's.

    The customer becomes Inactive and its unsent mail is cancelled. Returns a new customer with the
    same data and notes, a new subaccount and invitation. Raises Forbidden;
    Refused("customer-answered") and as `add`.
    """
    partner = lock_customer(customer)
    access.require(by, Action.CUSTOMER_EDIT, partner)
    draft = replace(draft_of(customer), invitation_email=email, manager_id="")
    withdraw(customer, by=by)
    corrected = add(partner, by=by, draft=draft, same_tin_is_meant=True)
    corrected.manager_id = customer.manager_id  # kept even if no longer on the staff, as in `edit`
    move_notes(customer, corrected)
    audit.record(
        Action.CUSTOMER_CORRECT_ADDRESS,
        by=by,
        chain=partner.id,
        thing=customer.id,
        customer=customer.id,
        corrected=corrected.id,
    )
    return corrected


def draft_of(customer: Customer) -> Draft:
    """Return the draft that would give this customer's values, to fill a form."""
    values = {f.name: getattr(customer, f.name) for f in fields(Draft) if f.name != "with_cloud"}
    values["manager_id"] = customer.manager_id or ""
    return Draft(**values, with_cloud=customer.default_cloud_id is not None)
