"""Invitation quota: how many customers a partner may invite in 24 hours, however they are added.

A mail that is sent again is no new invitation: it counts with the customer's day.
"""

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
    """Return the instant from which the partner may invite another customer; None means now."""
    query = select(Customer.created_at).where(Customer.partner_id == partner.id)
    query = query.order_by(Customer.id.desc())  # IDs sort by time and are indexed
    oldest_counted = policy.current().invitations_per_day - 1
    created_at = db.session.scalar(query.offset(oldest_counted).limit(1))
    return None if created_at is None or created_at <= db.now() - DAY else created_at + DAY


def quota_refusal(partner: BillingAccount) -> Refused | None:
    """Return the refusal "invitations-per-day" if the quota is used up, else None.

    Its facts: `most` invitations in 24 hours, and `at`, the instant of the next one.
    """
    next_at = next_invitation_at(partner)
    most = policy.current().invitations_per_day
    return None if next_at is None else Refused(Code.INVITATIONS_PER_DAY, most=most, at=next_at)
