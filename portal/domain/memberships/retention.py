"""Retention: ended accesses and memberships are deleted."""

from __future__ import annotations

from sqlalchemy import select

from portal import db
from portal.domain import retention
from portal.domain.memberships.record import RETENTION, Access, Membership


def purge_expired() -> bool:
    """Delete a batch of accesses, or of memberships without accesses, past their retention. Return
    whether there may be more."""
    is_old = db.now() - RETENTION
    if retention.delete_batch(Access, Access.ended_at < is_old):
        return True
    has_access = select(Access.id).where(Access.membership_id == Membership.id).exists()
    return retention.delete_batch(Membership, Membership.revoked_at < is_old, ~has_access)
