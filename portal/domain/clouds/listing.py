"""Lists of clouds, a cloud's folders, and the history of its payers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Case, and_, case, func, or_, select
from sqlalchemy.orm import aliased

from portal import db
from portal.domain import access
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.clouds.pending import PendingTasks, pending_query
from portal.domain.clouds.record import Cloud, Folder, Link
from portal.domain.connections import Connection
from portal.domain.values import search_key

PAGE = 50


class CloudRow(NamedTuple):
    """A cloud in a list. Payer ID and name are None where the reader can't see that account."""

    id: str
    name: str
    payer_id: str | None
    payer_name: str | None
    closed_at: datetime | None
    linked_at: datetime


class Payer(NamedTuple):
    """A period in which an account paid for a cloud. ID and name are None where the reader can't
    see that account; the partner's name is None unless it is a subaccount."""

    since_at: datetime
    until_at: datetime | None
    account_id: str | None
    account_name: str | None
    partner_name: str | None


def payer_of(cloud: Cloud) -> BillingAccount:
    """The account that pays for the cloud now."""

    def load() -> BillingAccount:
        is_now = Link.cloud_id == cloud.id, Link.until_at.is_(None)
        query = select(BillingAccount).join(Link, Link.account_id == BillingAccount.id)
        return db.session.scalars(query.where(*is_now)).one()

    return db.load_once(("payer", cloud.id), load)


def visible_payer(cloud: Cloud, actor: Actor) -> BillingAccount | None:
    """The account that pays for the cloud now; None if the actor can't see it."""
    payer_id = payer_of(cloud).id
    key = ("visible_payer", cloud.id, actor.id)
    return db.load_once(key, lambda: db.find(BillingAccount, payer_id, actor))


def default_folder(cloud_id: str) -> tuple[Cloud, Folder]:
    """The cloud and its default folder. The caller has checked that the actor sees the cloud."""
    query = (
        select(Cloud, Folder)
        .join(Folder, and_(Folder.cloud_id == Cloud.id, Folder.is_default))
        .where(Cloud.id == cloud_id)
    )
    cloud, folder = db.session.execute(query).one()
    return cloud, folder


def clouds_on(
    actor: Actor, connection: Connection, *, search: str = "", after: str = ""
) -> list[PendingTasks]:
    """A page of the open clouds on a connection, by ID, and one more if there is a next page; with
    a part of their names or an ID in `search`, those alone. Operators only."""
    is_there = Connection.id == connection.id, Cloud.closed_at.is_(None), Cloud.id > after
    query = pending_query().where(Connection.visible_to(actor), *is_there)
    if search:
        is_named = Cloud.name_key.contains(search_key(search), autoescape=True)
        query = query.where(or_(is_named, Cloud.id == search))
    rows = db.session.execute(query.order_by(Cloud.id).limit(PAGE + 1))
    return [PendingTasks(*row) for row in rows]


def cloud_on_connection(actor: Actor, cloud_id: str) -> PendingTasks | None:
    """The cloud with its connection and payer, for operators; None for everybody else."""
    query = pending_query().where(Connection.visible_to(actor), Cloud.id == cloud_id)
    row = db.session.execute(query).first()
    return None if row is None else PendingTasks(*row)


def folders_of(cloud: Cloud) -> list[Folder]:
    """The cloud's folders, by name."""
    query = select(Folder).where(Folder.cloud_id == cloud.id).order_by(Folder.name)
    return list(db.session.scalars(query))


def other_clouds_for(actor: Actor, *, after: str = "") -> list[CloudRow]:
    """Up to PAGE + 1 open clouds with a direct role of the actor that no subaccount of theirs pays
    for, newest first, after the ID `after`."""
    query = (
        select(
            Cloud.id,
            Cloud.name,
            *payer_columns_for(actor),
            Cloud.closed_at,
            Link.since_at,
        )
        .join(Link, and_(Link.cloud_id == Cloud.id, Link.until_at.is_(None)))
        .join(BillingAccount, BillingAccount.id == Link.account_id)
        .where(Cloud.id.in_(access.cloud_ids(actor, direct_only=True)), Cloud.closed_at.is_(None))
        .where(BillingAccount.parent_id.is_(None) | ~BillingAccount.visible_to(actor))
    )
    if after:
        query = query.where(Cloud.id < after)
    rows = db.session.execute(query.order_by(Cloud.id.desc()).limit(PAGE + 1))
    return [CloudRow(*row) for row in rows]


def clouds_linked_to(
    account_ids: list[str], *, after: str = "", until: str = ""
) -> dict[str, list[CloudRow]]:
    """For each account ID the clouds linked to it now, by ID: those after `after`, up to `until`.
    The caller has checked that the actor sees the accounts."""
    query = _linked().where(BillingAccount.id.in_(account_ids), Cloud.id > after)
    if until:
        query = query.where(Cloud.id <= until)
    clouds_by_account: dict[str, list[CloudRow]] = {account_id: [] for account_id in account_ids}
    for row in db.session.execute(query.order_by(Cloud.id)):
        clouds_by_account[row[2]].append(CloudRow(*row))
    return clouds_by_account


def first_clouds_of(account_ids: list[str], size: int) -> dict[str, list[CloudRow]]:
    """For each account ID the first clouds linked to it now, by ID, at most `size`. The caller has
    checked that the actor sees the accounts."""
    number = func.row_number().over(partition_by=Link.account_id, order_by=Link.cloud_id)
    which = Link.account_id.in_(account_ids), Link.until_at.is_(None)
    numbered = select(Link.id, number.label("number")).where(*which).subquery()
    query = _linked().join(numbered, numbered.c.id == Link.id).where(numbered.c.number <= size)
    found: dict[str, list[CloudRow]] = {account_id: [] for account_id in account_ids}
    for row in db.session.execute(query.order_by(Cloud.id)):
        found[row[2]].append(CloudRow(*row))
    return found


def linked_page_of(account: BillingAccount, *, after: str = "") -> list[CloudRow]:
    """A page of the clouds linked to the account now, by ID, and one more if there is a next page.
    The caller has checked that the actor sees the account."""
    query = _linked().where(Link.account_id == account.id, Link.cloud_id > after)
    rows = db.session.execute(query.order_by(Link.cloud_id).limit(PAGE + 1))
    return [CloudRow(*row) for row in rows]


def _linked() -> Any:
    """The fields of `CloudRow` of linked clouds, with the account that pays."""
    payer = BillingAccount.id, BillingAccount.name
    return (
        select(Cloud.id, Cloud.name, *payer, Cloud.closed_at, Link.since_at)
        .join(Link, and_(Link.cloud_id == Cloud.id, Link.until_at.is_(None)))
        .join(BillingAccount, BillingAccount.id == Link.account_id)
    )


def payers_of(cloud: Cloud, *, actor: Actor) -> list[Payer]:
    """The accounts that paid for the cloud, as the actor sees them, newest first."""
    query = (
        select(
            *(Link.since_at, Link.until_at, *payer_columns_for(actor)),
            partner_name_for(actor),
        )
        .join(BillingAccount, BillingAccount.id == Link.account_id)
        .where(Link.cloud_id == cloud.id)
    )
    rows = db.session.execute(query.order_by(Link.since_at.desc()))
    return [Payer(*row) for row in rows]


def partner_name_for(actor: Actor) -> Case[str | None]:
    """Name of the partner of the joined account, who pays in the end; NULL without one, or where
    the actor can't see the account."""
    partner = aliased(BillingAccount)
    name = select(partner.name).where(partner.id == BillingAccount.parent_id)
    is_visible = BillingAccount.visible_to(actor)
    return case((is_visible, name.correlate(BillingAccount).scalar_subquery()))


def payer_columns_for(actor: Actor) -> tuple[Case[str | None], Case[str | None]]:
    """ID and name of the joined account; NULL where the actor can't see that account."""
    is_visible = BillingAccount.visible_to(actor)
    return case((is_visible, BillingAccount.id)), case((is_visible, BillingAccount.name))
