"""Clouds in lists: one's own, an account's; a cloud's folders, and who paid for it when."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Case, and_, case, select

from portal import db
from portal.domain import access
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.clouds.record import Cloud, Folder, Link

PAGE = 50


class CloudRow(NamedTuple):
    """A cloud in a list; `payer_name` is None where the payer's account is not the reader's."""

    id: str
    name: str
    payer_id: str | None
    payer_name: str | None
    closed_at: datetime | None
    linked_at: datetime


class Payer(NamedTuple):
    """A link as a reader sees it; another's account has neither ID nor name."""

    since_at: datetime
    until_at: datetime | None
    account_id: str | None
    account_name: str | None


def payer_of(cloud: Cloud) -> BillingAccount:
    """The account that pays for the cloud now."""
    found = (
        select(BillingAccount)
        .join(Link, Link.account_id == BillingAccount.id)
        .where(Link.cloud_id == cloud.id, Link.until_at.is_(None))
    )
    return db.session.scalars(found).one()


def default_folder(cloud_id: str) -> tuple[Cloud, Folder]:
    """A customer's default cloud, found by the caller, with its default folder."""
    found = (
        select(Cloud, Folder)
        .join(Folder, and_(Folder.cloud_id == Cloud.id, Folder.is_default))
        .where(Cloud.id == cloud_id)
    )
    cloud, folder = db.session.execute(found).one()
    return cloud, folder


def folders_of(cloud: Cloud) -> list[Folder]:
    """The cloud's folders, by name."""
    found = select(Folder).where(Folder.cloud_id == cloud.id).order_by(Folder.name)
    return list(db.session.scalars(found))


def other_clouds_for(actor: Actor, *, after: str = "") -> list[CloudRow]:
    """The actor's own clouds that stand on none of their subaccount cards, newest first, one more
    than a page."""
    found = (
        select(Cloud.id, Cloud.name, *payer_columns_for(actor), Cloud.closed_at, Link.since_at)
        .join(Link, and_(Link.cloud_id == Cloud.id, Link.until_at.is_(None)))
        .join(BillingAccount, BillingAccount.id == Link.account_id)
        .where(Cloud.id.in_(access.cloud_ids(actor, own=True)), Cloud.closed_at.is_(None))
        .where(BillingAccount.parent_id.is_(None) | ~BillingAccount.visible_to(actor))
    )
    if after:
        found = found.where(Cloud.id < after)
    rows = db.session.execute(found.order_by(Cloud.id.desc()).limit(PAGE + 1))
    return [CloudRow(*row) for row in rows]


def clouds_linked_to(account_ids: list[str]) -> dict[str, list[CloudRow]]:
    """The clouds linked now to each of these accounts, which the caller has found visible."""
    found = (
        select(
            Cloud.id,
            Cloud.name,
            BillingAccount.id,
            BillingAccount.name,
            Cloud.closed_at,
            Link.since_at,
        )
        .join(Link, and_(Link.cloud_id == Cloud.id, Link.until_at.is_(None)))
        .join(BillingAccount, BillingAccount.id == Link.account_id)
        .where(BillingAccount.id.in_(account_ids))
    )
    linked: dict[str, list[CloudRow]] = {ident: [] for ident in account_ids}
    for row in db.session.execute(found.order_by(Cloud.id)):
        linked[row[2]].append(CloudRow(*row))
    return linked


def payers_of(cloud: Cloud, *, actor: Actor) -> list[Payer]:
    """Who paid for the cloud and when, newest first."""
    found = (
        select(Link.since_at, Link.until_at, *payer_columns_for(actor))
        .join(BillingAccount, BillingAccount.id == Link.account_id)
        .where(Link.cloud_id == cloud.id)
    )
    rows = db.session.execute(found.order_by(Link.since_at.desc()))
    return [Payer(*row) for row in rows]


def payer_columns_for(actor: Actor) -> tuple[Case[str | None], Case[str | None]]:
    """ID and name of the joined account, NULL where that account does not exist for the actor."""
    seen = BillingAccount.visible_to(actor)
    return case((seen, BillingAccount.id)), case((seen, BillingAccount.name))
