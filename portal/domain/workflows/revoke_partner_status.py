"""Revoke partner status: only while the account has no live customers."""

from __future__ import annotations

from portal import db
from portal.domain import audit, customers
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused


def revoke_partner_status(account: BillingAccount, *, by: Actor) -> None:
    """Turn a partner's account into a direct one.

    Raises Refused("not-partner", "customers-live").
    """
    account = db.lock(BillingAccount, account.id)  # so that no customer is added after the count
    if account.kind is not Kind.PARTNER:
        raise Refused(Code.NOT_PARTNER)
    if live := customers.count_live_customers(account):
        raise Refused(Code.CUSTOMERS_LIVE, count=live)
    account.kind = Kind.DIRECT
    audit.record(Action.PARTNER_REVOKE, by=by, chain=account.chain, thing=account.id)
