"""Partners, as operators see them: a list, and what one of them has."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, or_, select, tuple_

from portal import db
from portal.domain import access
from portal.domain.access import AccountAccess, AccountRole
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.actors import Actor
from portal.domain.customers import Customer, Status
from portal.domain.identity import User
from portal.domain.values import search_key

PAGE = 50


class PartnerRow(NamedTuple):
    """A partner's account, and how many of its customers are not Inactive."""

    account: BillingAccount
    customers: int


class PartnerDetails(NamedTuple):
    """The owners of a partner's account by name, and its customers by status."""

    owners: list[User]
    customers: dict[Status, int]


def partners_for(actor: Actor, *, search: str = "", after: str = "") -> list[PartnerRow]:
    """A page of the partners by name, and one more if there is a next page; `search` is a part of
    the name, or the ID; `after` is the ID of the previous page's last. Operators only."""
    if not (actor.is_operator or actor.is_system):
        return []
    query = select(BillingAccount).where(BillingAccount.kind == Kind.PARTNER)
    if search:
        has_name = BillingAccount.name_key.contains(search_key(search), autoescape=True)
        query = query.where(or_(has_name, BillingAccount.id == search.strip().lower()))
    order = BillingAccount.name_key, BillingAccount.id
    if last := db.session.get(BillingAccount, after) if after else None:
        query = query.where(tuple_(*order) > (last.name_key, last.id))
    accounts = db.session.scalars(query.order_by(*order).limit(PAGE + 1)).all()
    counts = _live_customers([account.id for account in accounts])
    return [PartnerRow(account, counts.get(account.id, 0)) for account in accounts]


def find_partner(actor: Actor, account_id: str) -> BillingAccount | None:
    """The partner's account with this ID. Operators only."""
    account = db.session.get(BillingAccount, account_id)
    is_one = account is not None and account.kind is Kind.PARTNER
    return account if is_one and (actor.is_operator or actor.is_system) else None


def details_of(partner: BillingAccount) -> PartnerDetails:
    """The caller has checked that the actor is an operator."""
    owners = (
        select(User)
        .join(AccountAccess, AccountAccess.user_id == User.id)
        .where(AccountAccess.account_id == partner.id, AccountAccess.role == AccountRole.OWNER)
        .where(access.in_effect())
        .order_by(User.name, User.id)
    )
    numbers = (
        select(Customer.status, func.count())
        .where(Customer.partner_id == partner.id)
        .group_by(Customer.status)
    )
    counts = {row[0]: row[1] for row in db.session.execute(numbers)}
    customers = {status: counts.get(status, 0) for status in Status}
    return PartnerDetails(list(db.session.scalars(owners)), customers)


def _live_customers(partner_ids: list[str]) -> dict[str, int]:
    query = (
        select(Customer.partner_id, func.count())
        .where(Customer.partner_id.in_(partner_ids), Customer.status != Status.INACTIVE)
        .group_by(Customer.partner_id)
    )
    return {row[0]: row[1] for row in db.session.execute(query)}
