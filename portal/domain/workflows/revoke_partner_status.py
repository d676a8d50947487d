"""Revoke partner status: only while the account has no live customers, and no cloud needs it."""

from __future__ import annotations

from sqlalchemy import select

from portal import db
from portal.domain import access, audit, cloud_access, customers, identity, locks, memberships
from portal.domain.access import CloudAccess
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud
from portal.domain.errors import Code, Refused


def revoke_partner_status(account: BillingAccount, *, by: Actor) -> None:
    """An operator turns a partner's account into a direct one. Its roles on clouds hold no more
    (I8).

    Raises ReauthenticationRequired, Forbidden, Refused("not-partner", "customers-live",
    "partner-owns-clouds").
    """
    identity.require_recent(by)
    access.require_operator(by, Action.PARTNER_REVOKE)
    account = db.lock(BillingAccount, account.id)  # so that no customer is added after the count
    if account.kind is not Kind.PARTNER:
        raise Refused(Code.NOT_PARTNER)
    if live := customers.count_live_customers(account):
        raise Refused(Code.CUSTOMERS_LIVE, count=live)
    if clouds := _solely_owned_clouds(account):
        raise Refused(Code.PARTNER_OWNS_CLOUDS, clouds=", ".join(clouds))
    account.kind = Kind.DIRECT
    memberships.settle_partner(account.id)
    audit.record(Action.PARTNER_REVOKE, by=by, chain=account.chain, thing=account.id)


def _solely_owned_clouds(account: BillingAccount) -> list[str]:
    """The IDs of the open clouds without another owner; locked, so that none leaves meanwhile."""
    rows: dict[str, list[CloudAccess]] = {}
    held = CloudAccess.partner_id == account.id, CloudAccess.revoked_at.is_(None)
    for row in db.session.scalars(
        select(CloudAccess).join(Cloud).where(*held, Cloud.closed_at.is_(None))
    ):
        rows.setdefault(row.cloud_id, []).append(row)
    locks.lock(*((Cloud, cloud_id) for cloud_id in rows))
    return [
        cloud_id
        for cloud_id, leaving in sorted(rows.items())
        if cloud_access.is_last_owner(db.session.get_one(Cloud, cloud_id), leaving)
    ]
