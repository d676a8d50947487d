"""Invitation quota: how many customers a partner may invite in 24 hours, however they are added.

A mail that is sent again is no new invitation: it counts with the customer's day.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select

from portal import db
from portal.domain import policy
from portal.domain.accounts import BillingAccount
from portal.domain.customers.record import Customer
from portal.domain.errors import Code, Refused
from portal.domain.invitations import Invitation
from portal.domain.values import EmailAddress

DAY = timedelta(days=1)
MOST_TO_ADDRESS = 3
"""Invitations of a partner to one address in 24 hours."""


def next_invitation_at(partner: BillingAccount) -> datetime | None:
    """Return the instant from which the partner may invite another customer; None means now."""
    now = db.now()
    # A clock may be set back: customers of later than this would refuse invitations for as long.
    is_counted = Customer.partner_id == partner.id, Customer.created_at < now + DAY
    query = select(Customer.created_at).where(*is_counted)
    query = query.order_by(Customer.id.desc())  # IDs sort by time and are indexed
    oldest_counted = policy.current().invitations_per_day - 1
    created_at = db.session.scalar(query.offset(oldest_counted).limit(1))
    return None if created_at is None or created_at <= now - DAY else created_at + DAY


def address_refusal(partner: BillingAccount, address: EmailAddress) -> Refused | None:
    """Return the refusal "invitations-to-address" if the partner invited this address
    MOST_TO_ADDRESS times in 24 hours, else None. Invitations of other partners don't count: the
    refusal would disclose them."""
    now = db.now()
    query = select(func.count()).where(
        Invitation.partner_id == partner.id,
        Invitation.email_key == address.key,
        Invitation.created_at.between(now - DAY, now + DAY),
    )
    if db.session.execute(query).scalar_one() < MOST_TO_ADDRESS:
        return None
    most = MOST_TO_ADDRESS
    return Refused(Code.INVITATIONS_TO_ADDRESS, field="invitation_email", most=most)


def quota_refusal(partner: BillingAccount) -> Refused | None:
    """Return the refusal "invitations-per-day" if the quota is used up, else None.

    Its facts: `most` invitations in 24 hours, and `at`, the instant of the next one.
    """
    next_at = next_invitation_at(partner)
    most = policy.current().invitations_per_day
    return None if next_at is None else Refused(Code.INVITATIONS_PER_DAY, most=most, at=next_at)
