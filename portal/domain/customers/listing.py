"""The list of customers, its counts, a customer's history, subaccounts as cards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, or_, select, true
from sqlalchemy.orm import aliased

from portal import db
from portal.domain import access, accounts, clouds
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.audit import AuditLine, HistoryLine
from portal.domain.clouds import Cloud, CloudRow
from portal.domain.customers.record import Customer, Status
from portal.domain.identity import User
from portal.domain.invitations import Invitation
from portal.domain.values import search_key

PAGE = 50
EXPORT_PAGE = 500
ME, NOBODY = "me", "none"
ENDINGS = (
    Action.INVITATION_DECLINE,
    Action.CUSTOMER_REMOVE,
    Action.CUSTOMER_CORRECT_ADDRESS,
    Action.PARTNERSHIP_END,
)
"""What makes a customer Inactive."""


@dataclass(frozen=True)
class Filter:
    """What the list shows; all of it stands in the URL. `manager`: a user's ID, ME or NOBODY."""

    search: str = ""
    status: Status | None = None
    manager: str = ""
    waiting_days: int | None = None
    oldest_first: bool = False
    after: str = ""

    def keeps(self, row: CustomerRow) -> bool:
        """Whether a row that it showed belongs there still, whatever became of the customer."""
        only = Status.WAITING if self.waiting_days is not None else self.status
        return only in (None, row.status)


class CustomerRow(NamedTuple):
    id: str
    name: str
    email: str
    status: Status
    cloud_id: str | None
    cloud_closed_at: datetime | None
    created_at: datetime


ROW = (
    Customer.id,
    Customer.name,
    Customer.invitation_email,
    Customer.status,
    Customer.default_cloud_id,
    Cloud.closed_at,
    Customer.created_at,
)


class ExportRow(NamedTuple):
    """A customer as a file has it; `manager` is an e-mail address."""

    record: Customer
    manager: str | None
    answered_at: datetime | None


class Counts(NamedTuple):
    total: int
    by_status: dict[Status, int]


class SubaccountCard(NamedTuple):
    """A subaccount on the console's homepage; `is_waiting`: its invitation is still open."""

    account: BillingAccount
    partner_name: str
    status: Status
    clouds: list[CloudRow]


def page_for(actor: Actor, partner: BillingAccount, wanted: Filter) -> list[CustomerRow]:
    """The partner's customers, newest first unless wanted otherwise, one more than a page where
    there is another. `waiting_days`: only who has waited for the answer longer than that."""
    return [CustomerRow(*row) for row in _page(ROW, actor, partner, wanted, PAGE)]


def rows_of(actor: Actor, partner: BillingAccount, ids: list[str]) -> list[CustomerRow]:
    """Those of the partner's customers as the list has them now, in the order of `ids`."""
    found = db.session.execute(_of(partner, ROW, actor).where(Customer.id.in_(ids)))
    return sorted((CustomerRow(*row) for row in found), key=lambda row: ids.index(row.id))


def records_for(
    actor: Actor, partner: BillingAccount, wanted: Filter, *, page: int
) -> list[ExportRow]:
    """The same customers in the same order, with all that a file says of them."""
    manager = select(User.email).where(User.id == Customer.manager_id).scalar_subquery()
    answered = select(Invitation.answered_at).where(
        Invitation.subaccount_id == Customer.subaccount_id
    )
    columns = (Customer, manager, answered.scalar_subquery())
    return [ExportRow(*row) for row in _page(columns, actor, partner, wanted, page)]


def _of(partner: BillingAccount, columns: tuple[Any, ...], actor: Actor) -> Select[Any]:
    return (
        select(*columns)
        .select_from(Customer)
        .outerjoin(Cloud, Cloud.id == Customer.default_cloud_id)
        .where(Customer.partner_id == partner.id, Customer.visible_to(actor))
    )


def _page(
    columns: tuple[Any, ...], actor: Actor, partner: BillingAccount, wanted: Filter, page: int
) -> list[Any]:
    found = _of(partner, columns, actor)
    if wanted.status is not None:
        found = found.where(Customer.status == wanted.status)
    found = found.where(_managed(wanted.manager, actor))
    if key := search_key(wanted.search):
        ids = (Customer.id, Customer.subaccount_id, Customer.default_cloud_id)
        found = found.where(
            or_(
                Customer.search_key.contains(key, autoescape=True),
                *(column == key for column in ids),
            )
        )
    if wanted.waiting_days is not None:
        since = db.now() - timedelta(days=wanted.waiting_days)
        found = found.where(Customer.status == Status.WAITING, Customer.created_at < since)
    if wanted.after:
        is_next = Customer.id > wanted.after if wanted.oldest_first else Customer.id < wanted.after
        found = found.where(is_next)
    order = Customer.id.asc() if wanted.oldest_first else Customer.id.desc()
    return list(db.session.execute(found.order_by(order).limit(page + 1)))


def counts_for(actor: Actor, partner: BillingAccount, *, manager: str = "") -> Counts:
    """How many customers the partner has, or this manager looks after: in all, in each state."""
    found = (
        select(Customer.status, func.count())
        .where(Customer.partner_id == partner.id, Customer.visible_to(actor))
        .where(_managed(manager, actor))
        .group_by(Customer.status)
    )
    counted = dict.fromkeys(Status, 0)
    for status, count in db.session.execute(found):
        counted[status] = count
    return Counts(sum(counted.values()), counted)


def _managed(manager: str, actor: Actor) -> ColumnElement[bool]:
    if not manager:
        return true()
    if manager == NOBODY:
        return Customer.manager_id.is_(None)
    return Customer.manager_id == (actor.id if manager == ME else manager)


def count_live_customers(partner: BillingAccount) -> int:
    """How many of the partner's customers are not Inactive."""
    found = select(func.count()).where(
        Customer.partner_id == partner.id, Customer.status != Status.INACTIVE
    )
    return db.session.execute(found).scalar_one()


def history_of(record: Customer) -> list[HistoryLine]:
    """What was done to a customer the caller has found, newest first."""
    return [HistoryLine(*row) for row in db.session.execute(_history(record))]


def ending_of(record: Customer) -> HistoryLine | None:
    """What made a customer the caller has found Inactive, by whom and when."""
    row = db.session.execute(_history(record).where(AuditLine.action.in_(ENDINGS)).limit(1)).first()
    return HistoryLine(*row) if row else None


def _history(record: Customer) -> Select[Any]:
    return (
        select(
            AuditLine.seq,
            AuditLine.at,
            AuditLine.actor,
            User.email,
            AuditLine.action,
            AuditLine.thing,
            AuditLine.facts,
        )
        .outerjoin(User, User.id == AuditLine.actor)
        .where(AuditLine.customer_id == record.id)
        .order_by(AuditLine.seq.desc())
    )


def staff_of(partner: BillingAccount) -> list[tuple[str, str]]:
    """ID and name of everyone with a role in effect on the partner's account, by name."""
    found = (
        select(User.id, User.name)
        .join(access.AccountAccess, access.AccountAccess.user_id == User.id)
        .where(
            access.AccountAccess.account_id == partner.id,
            access.AccountAccess.revoked_at.is_(None),
        )
        .distinct()
        .order_by(User.name, User.id)
    )
    return [(ident, name) for ident, name in db.session.execute(found)]


def subaccount_cards(
    actor: Actor, *, search: str = "", after: str = "", only: list[str] | None = None
) -> list[SubaccountCard]:
    """The subaccounts that exist for the actor, or those named by `only`, which the caller has
    found (open invitations), as cards with their clouds; newest first, one more than a page."""
    partner = aliased(BillingAccount)
    found = (
        select(BillingAccount, partner.name, Customer.status)
        .join(Customer, Customer.subaccount_id == BillingAccount.id)
        .join(partner, partner.id == BillingAccount.parent_id)
    )
    if only is None:
        found = found.where(BillingAccount.visible_to(actor))
        found = found.where(BillingAccount.closed_at.is_(None))
    else:
        found = found.where(BillingAccount.id.in_(only))
    if key := search_key(search):
        found = found.where(
            or_(
                BillingAccount.name_key.contains(key, autoescape=True),
                BillingAccount.id == key,
            )
        )
    if after:
        found = found.where(BillingAccount.id < after)
    rows = list(
        db.session.execute(found.order_by(BillingAccount.id.desc()).limit(accounts.PAGE + 1))
    )
    linked = clouds.clouds_linked_to([row[0].id for row in rows])
    return [
        SubaccountCard(subaccount, partner_name, status, linked[subaccount.id])
        for subaccount, partner_name, status in rows
    ]
