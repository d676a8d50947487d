"""How many customers a partner may invite in 24 hours, by whatever way they are added."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from portal import db
from portal.domain import policy
from portal.domain.accounts import BillingAccount
from portal.domain.customers.record import Customer
from portal.domain.errors import Code, Refused

DAY = timedelta(days=1)


def next_invitation_at(partner: BillingAccount) -> datetime | None:
    """When the partner may send the next one; None: now."""
    newest = select(Customer.created_at).where(Customer.partner_id == partner.id)
    newest = newest.order_by(Customer.id.desc())  # which is by age, and has an index
    last = db.session.scalar(newest.offset(policy.current().invitations_per_day - 1).limit(1))
    return None if last is None or last <= db.now() - DAY else last + DAY


def quota_refusal(partner: BillingAccount) -> Refused | None:
    """What speaks against another invitation now: "invitations-per-day", with `most` a day and
    when the next can go, `at`."""
    at = next_invitation_at(partner)
    most = policy.current().invitations_per_day
    return None if at is None else Refused(Code.INVITATIONS_PER_DAY, most=most, at=at)
