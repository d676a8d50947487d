"""The list of customers and its counts, and subaccounts as cards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, or_, select, true
from sqlalchemy.orm import aliased

from portal import db
from portal.domain import access, accounts, clouds
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud, CloudRow
from portal.domain.customers.record import Customer, Status
from portal.domain.identity import User
from portal.domain.invitations import Invitation
from portal.domain.partner_profiles import PartnerProfile
from portal.domain.values import search_key

PAGE = 50
CARD_CLOUDS = 20
"""Clouds on the card of a subaccount."""
EXPORT_PAGE = 500
ME, NOBODY = "me", "none"


@dataclass(frozen=True)
class Filter:
    """The filter, order and page of the list, as in its URL.

    `manager` is a user's ID, ME or NOBODY; `waiting_days` keeps customers waiting for longer than
    that; `after` is the ID of the previous page's last customer.
    """

    search: str = ""
    status: Status | None = None
    manager: str = ""
    waiting_days: int | None = None
    oldest_first: bool = False
    after: str = ""

    def matches_status(self, row: CustomerRow) -> bool:
        """Return whether a row that the list showed still belongs to it by its status."""
        status = Status.WAITING if self.waiting_days is not None else self.status
        return status in (None, row.status)


class CustomerRow(NamedTuple):
    """A customer in the list; the cloud is its default cloud."""

    id: str
    name: str
    email: str
    status: Status
    cloud_id: str | None
    cloud_closed_at: datetime | None
    created_at: datetime
    ends_on: date | None


ROW = (
    Customer.id,
    Customer.name,
    Customer.invitation_email,
    Customer.status,
    Customer.default_cloud_id,
    Cloud.closed_at,
    Customer.created_at,
    BillingAccount.ends_on,
)


class ExportRow(NamedTuple):
    """A customer in an export; `manager` is an e-mail address."""

    customer: Customer
    manager: str | None
    answered_at: datetime | None


class Counts(NamedTuple):
    """Numbers of customers: in all, and by each status."""

    total: int
    by_status: dict[Status, int]


class SubaccountCard(NamedTuple):
    """A subaccount on the console's homepage with its first clouds; `profile` is the partner's."""

    account: BillingAccount
    partner_name: str
    status: Status
    clouds: list[CloudRow]
    has_more: bool
    profile: PartnerProfile | None


def page_for(actor: Actor, partner: BillingAccount, filters: Filter) -> list[CustomerRow]:
    """Return a page of the partner's customers, newest first unless `filters` says otherwise, and
    one more row if there is a next page."""
    return [CustomerRow(*row) for row in _page(ROW, actor, partner, filters, PAGE)]


def rows_of(actor: Actor, partner: BillingAccount, ids: list[str]) -> list[CustomerRow]:
    """Return the current list rows of these customers of the partner, in the order of `ids`."""
    rows = db.session.execute(_customers_query(partner, ROW, actor).where(Customer.id.in_(ids)))
    return sorted((CustomerRow(*row) for row in rows), key=lambda row: ids.index(row.id))


def export_rows(
    actor: Actor, partner: BillingAccount, filters: Filter, *, page_size: int
) -> list[ExportRow]:
    """Return customers as `page_for` does, with the columns of an export: up to `page_size` rows,
    and one more if there is a next page."""
    manager = select(User.email).where(User.id == Customer.manager_id).scalar_subquery()
    answered_at = select(Invitation.answered_at).where(
        Invitation.subaccount_id == Customer.subaccount_id
    )
    columns = (Customer, manager, answered_at.scalar_subquery())
    return [ExportRow(*row) for row in _page(columns, actor, partner, filters, page_size)]


def _customers_query(
    partner: BillingAccount, columns: tuple[Any, ...], actor: Actor
) -> Select[Any]:
    return (
        select(*columns)
        .select_from(Customer)
        .outerjoin(Cloud, Cloud.id == Customer.default_cloud_id)
        .join(BillingAccount, BillingAccount.id == Customer.subaccount_id)
        .where(Customer.partner_id == partner.id, Customer.visible_to(actor))
    )


def _page(
    columns: tuple[Any, ...], actor: Actor, partner: BillingAccount, filters: Filter, page_size: int
) -> list[Any]:
    query = _customers_query(partner, columns, actor)
    if filters.status is not None:
        query = query.where(Customer.status == filters.status)
    query = query.where(_has_manager(filters.manager, actor))
    if key := search_key(filters.search):
        ids = (Customer.id, Customer.subaccount_id, Customer.default_cloud_id)
        query = query.where(
            or_(
                Customer.search_key.contains(key, autoescape=True),
                *(column == key for column in ids),
            )
        )
    if filters.waiting_days is not None:
        since = db.now() - timedelta(days=filters.waiting_days)
        query = query.where(Customer.status == Status.WAITING, Customer.created_at < since)
    if filters.after:
        is_oldest_first, after = filters.oldest_first, filters.after
        query = query.where(Customer.id > after if is_oldest_first else Customer.id < after)
    order = Customer.id.asc() if filters.oldest_first else Customer.id.desc()
    return list(db.session.execute(query.order_by(order).limit(page_size + 1)))


def counts_for(actor: Actor, partner: BillingAccount, *, manager: str = "") -> Counts:
    """Return how many customers the partner has; with `manager` (a user's ID, ME or NOBODY), how
    many of them have this account manager."""
    query = (
        select(Customer.status, func.count())
        .where(Customer.partner_id == partner.id, Customer.visible_to(actor))
        .where(_has_manager(manager, actor))
        .group_by(Customer.status)
    )
    by_status = dict.fromkeys(Status, 0)
    for status, count in db.session.execute(query):
        by_status[status] = count
    return Counts(sum(by_status.values()), by_status)


def _has_manager(manager: str, actor: Actor) -> ColumnElement[bool]:
    if not manager:
        return true()
    if manager == NOBODY:
        return Customer.manager_id.is_(None)
    return Customer.manager_id == (actor.id if manager == ME else manager)


def count_live_customers(partner: BillingAccount) -> int:
    """Return how many of the partner's customers are not Inactive."""
    query = select(func.count()).where(
        Customer.partner_id == partner.id, Customer.status != Status.INACTIVE
    )
    return db.session.execute(query).scalar_one()


def staff_of(partner: BillingAccount) -> list[tuple[str, str]]:
    """Return ID and name of each user with a role in effect on the partner's account, by name."""
    query = (
        select(User.id, User.name)
        .join(access.AccountAccess, access.AccountAccess.user_id == User.id)
        .where(
            access.AccountAccess.account_id == partner.id,
            access.AccountAccess.revoked_at.is_(None),
        )
        .distinct()
        .order_by(User.name, User.id)
    )
    return [(user_id, name) for user_id, name in db.session.execute(query)]


def subaccount_cards(
    actor: Actor, *, search: str = "", after: str = "", only: list[str] | None = None
) -> list[SubaccountCard]:
    """Return a page of the actor's open subaccounts with their clouds, newest first, and one more
    if there is a next page.

    With `only`, return the subaccounts of these IDs instead; the caller checks their visibility.
    """
    partner = aliased(BillingAccount)
    query = (
        select(BillingAccount, partner.name, Customer.status, PartnerProfile)
        .join(Customer, Customer.subaccount_id == BillingAccount.id)
        .join(partner, partner.id == BillingAccount.parent_id)
        .outerjoin(PartnerProfile, PartnerProfile.account_id == partner.id)
    )
    if only is None:
        query = query.where(BillingAccount.visible_to(actor))
        query = query.where(BillingAccount.closed_at.is_(None))
    else:
        query = query.where(BillingAccount.id.in_(only))
    if key := search_key(search):
        query = query.where(
            or_(
                BillingAccount.name_key.contains(key, autoescape=True),
                BillingAccount.id == key,
            )
        )
    if after:
        query = query.where(BillingAccount.id < after)
    rows = list(
        db.session.execute(query.order_by(BillingAccount.id.desc()).limit(accounts.PAGE + 1))
    )
    first = clouds.first_clouds_of([row[0].id for row in rows], CARD_CLOUDS + 1)
    cards = []
    for account, partner_name, status, profile in rows:
        shown = first[account.id][:CARD_CLOUDS]
        has_more = len(first[account.id]) > CARD_CLOUDS
        cards.append(SubaccountCard(account, partner_name, status, shown, has_more, profile))
    return cards
