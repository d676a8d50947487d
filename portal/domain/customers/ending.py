"""Ending a partnership with notice: give it for a day, withdraw it until then."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import select

from portal import db
from portal.domain import access, audit, billing_days, identity, jobs, policy
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.customers.notifications import notify_customer, notify_partner
from portal.domain.customers.record import Customer, Status, lock_customer
from portal.domain.errors import Code, Refused
from portal.domain.notifications import Kind


def earliest_ending() -> date:
    """Return the first billing day for which notice can be given now."""
    return billing_days.today() + timedelta(days=policy.current().notice_days)


def ends_on(customer: Customer) -> date | None:
    """Return the billing day for which notice was given. The caller checks visibility."""
    return db.session.get_one(BillingAccount, customer.subaccount_id).ends_on


def give_notice(customer: Customer, *, ends_on: date, by: Actor) -> None:
    """An owner of the partner's account ends a confirmed partnership on a later day. From now on
    nothing is linked to the subaccount or created in it.

    Raises ReauthenticationRequired, Forbidden, Refused("partnership-not-confirmed", "notice-given",
    "notice-short").
    """
    identity.require_recent(by)
    access.require(by, Action.PARTNERSHIP_GIVE_NOTICE, lock_customer(customer))
    subaccount = db.session.get_one(BillingAccount, customer.subaccount_id)
    if customer.status not in (Status.ACTIVE, Status.SUSPENDED):
        raise Refused(Code.PARTNERSHIP_NOT_CONFIRMED)
    if subaccount.ends_on is not None:
        raise Refused(Code.NOTICE_GIVEN, day=subaccount.ends_on)
    if ends_on < (earliest := earliest_ending()):
        raise Refused(Code.NOTICE_SHORT, field="ends_on", day=earliest)
    subaccount.ends_on = ends_on
    _record(Action.PARTNERSHIP_GIVE_NOTICE, Kind.NOTICE_GIVEN, customer, ends_on, by=by)


def withdraw_notice(customer: Customer, *, by: Actor) -> None:
    """An owner of the partner's account withdraws the notice, until its day begins; after a
    restore, until an operator lets partnerships end again.

    Raises Forbidden, Refused("notice-missing").
    """
    access.require(by, Action.PARTNERSHIP_WITHDRAW_NOTICE, lock_customer(customer))
    subaccount = db.session.get_one(BillingAccount, customer.subaccount_id)
    ends_on = subaccount.ends_on
    waits = jobs.is_lane_parked(jobs.upkeep_lane(jobs.ENDINGS))
    if ends_on is None or (ends_on <= billing_days.today() and not waits):
        raise Refused(Code.NOTICE_MISSING)
    subaccount.ends_on = None
    _record(Action.PARTNERSHIP_WITHDRAW_NOTICE, Kind.NOTICE_WITHDRAWN, customer, ends_on, by=by)


def due_for_ending() -> list[str]:
    """Return the IDs of the customers whose partnership's last day is over, the longest first."""
    query = (
        select(Customer.id)
        .join(BillingAccount, BillingAccount.id == Customer.subaccount_id)
        .where(BillingAccount.ends_on <= billing_days.today())
        .order_by(BillingAccount.ends_on, Customer.id)
    )
    return list(db.session.scalars(query))


def _record(action: Action, kind: Kind, customer: Customer, ends_on: date, *, by: Actor) -> None:
    """Record the change and notify both sides."""
    day = ends_on.isoformat()
    audit.record(
        action,
        by=by,
        chain=customer.partner_id,
        thing=customer.id,
        customer=customer.id,
        ends_on=day,
    )
    notify_customer(kind, customer, by=by, day=day)
    notify_partner(kind, customer, by=by, day=day)
