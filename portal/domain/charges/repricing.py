"""Repricing: post what new rates change of a partner's prices."""

from __future__ import annotations

from portal import db
from portal.domain import ledger, locks, prices
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.charges.posting import Outdated, post, still_holds
from portal.domain.charges.staging import staged_posting
from portal.domain.ledger import PostingKind
from portal.domain.prices import PriceList, Repricing


def begin_repricing(partner_id: str, *, by: Actor) -> tuple[str, Repricing]:
    """Begin to stage what new rates change; the ID of the posting, and what may change."""
    plan = prices.plan_repricing(partner_id)
    posting = ledger.begin(PostingKind.REPRICING, subject=partner_id, by=by, is_staged=True)
    return posting.id, plan


def apply_rates(partner_id: str) -> None:
    """Post what new rates change, as it was staged. Has no effect if the prices follow all rates.
    Raises Outdated."""
    locks.lock((BillingAccount, partner_id))
    if prices.is_applied(partner_id):
        return
    posting = staged_posting(PostingKind.REPRICING, partner_id)
    if posting is None or not still_holds(posting):
        raise Outdated
    post(posting)
    price_list = db.session.get_one(PriceList, partner_id, populate_existing=True)
    price_list.applied = price_list.rates
    db.session.flush()
