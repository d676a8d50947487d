"""Figures: which of cost, price and quantity of an account's usage an actor reads."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from portal.domain import access, prices
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.actions import Action
from portal.domain.actors import Actor


class Figures(NamedTuple):
    """Which figures an actor reads beside the quantities."""

    price: bool
    cost: bool


def figures_for(actor: Actor, account: BillingAccount) -> Figures:
    """The figures of an account that the actor reads. With any role on it, quantities; prices, of a
    subaccount once they are published, of a partner's customers at any time. With a role on the
    account that pays that allows it, never with one on a subaccount alone, the cost. Raises
    Forbidden without a role."""
    access.require(actor, Action.ACCOUNT_SEE, account)
    if account.parent is not None:
        price = prices.is_published(account)
    else:
        price = account.kind is Kind.PARTNER
    payer = account.parent or account
    return Figures(price=price, cost=access.may(actor, Action.ACCOUNT_SEE_MONEY, payer))


def payers_with_cost(actor: Actor, payer_ids: Collection[str]) -> set[str]:
    """Those of these accounts that pay whose cost the actor reads, as in `figures_for`."""
    return access.ids_with(actor, Action.ACCOUNT_SEE_MONEY, payer_ids)
