"""Publishing: whether customers see prices; until then they see no amounts."""

from __future__ import annotations

from sqlalchemy import ColumnElement, delete, func, select

from portal import db
from portal.domain import access, audit
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.prices.rates import check_subaccount, lock_list
from portal.domain.prices.record import PriceList, PricePublication


def publish(partner: BillingAccount, *, by: Actor, subaccount_id: str = "") -> None:
    """Owners and admins of a partner's account show prices to all customers, also new ones, or to
    one. Raises Forbidden, Refused("not-partner", "account-unknown")."""
    price_list = lock_list(partner)
    access.require(by, Action.PRICE_PUBLISH, partner)
    if _set(price_list, subaccount_id, is_published=True):
        facts = {"thing": partner.id, "account": subaccount_id}
        audit.record(Action.PRICE_PUBLISH, by=by, chain=partner.id, **facts)


def withdraw(partner: BillingAccount, *, by: Actor, subaccount_id: str = "") -> None:
    """Owners and admins of a partner's account hide prices from all customers, or from one. Raises
    as `publish`."""
    price_list = lock_list(partner)
    access.require(by, Action.PRICE_WITHDRAW, partner)
    if _set(price_list, subaccount_id, is_published=False):
        facts = {"thing": partner.id, "account": subaccount_id}
        audit.record(Action.PRICE_WITHDRAW, by=by, chain=partner.id, **facts)


def _set(price_list: PriceList, subaccount_id: str, *, is_published: bool) -> bool:
    """Set what one customer sees, or all. Return whether that may have changed something."""
    if subaccount_id:
        check_subaccount(price_list.partner_id, subaccount_id)
        if is_published == _is_published(price_list, subaccount_id):
            return False
        db.session.merge(PricePublication(subaccount_id=subaccount_id, is_published=is_published))
    else:
        price_list.is_published = is_published
        own = delete(PricePublication).where(_is_choice(price_list.partner_id))
        db.session.execute(own.execution_options(synchronize_session=False))
    db.session.flush()
    return True


def _is_choice(partner_id: str) -> ColumnElement[bool]:
    theirs = select(BillingAccount.id).where(BillingAccount.parent_id == partner_id)
    return PricePublication.subaccount_id.in_(theirs)


def count_choices(partner: BillingAccount) -> int:
    """For how many single customers the partner chose whether they see prices."""
    query = select(func.count()).select_from(PricePublication).where(_is_choice(partner.id))
    return db.session.scalar(query) or 0


def is_published(subaccount: BillingAccount) -> bool:
    """Whether the customer of a subaccount sees prices."""
    return is_published_by(subaccount.parent_id or "", subaccount.id)


def is_published_by(partner_id: str, subaccount_id: str = "") -> bool:
    """Whether the partner's customers see prices if nothing else is said, or whether one does."""
    price_list = db.session.get(PriceList, partner_id)
    return price_list is not None and _is_published(price_list, subaccount_id)


def _is_published(price_list: PriceList, subaccount_id: str) -> bool:
    own = db.session.get(PricePublication, subaccount_id)
    return price_list.is_published if own is None else own.is_published
