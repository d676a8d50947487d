"""Payers: who paid for an account's clouds from when to when, and what they cost."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import func, select

from portal import db
from portal.domain import billing_days, clouds
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud, Link
from portal.domain.reports.figures import payers_with_cost
from portal.domain.totals import UsageTotal
from portal.domain.usage import exact

PAGE = 50


class CloudPayer(NamedTuple):
    """An account that paid for a cloud. ID and names are None where the actor can't see that
    account or cloud; `amount` is None where they don't see its cost. An account that paid several
    times has one amount for all of them, at the last (`is_sum`). The partner's name is
    None unless the account is a subaccount."""

    cloud_id: str
    cloud_name: str | None
    account_id: str | None
    account_name: str | None
    since_at: datetime
    until_at: datetime | None
    amount: Decimal | None
    is_sum: bool
    partner_name: str | None = None


def payers_of(actor: Actor, account: BillingAccount, *, after: str = "") -> list[CloudPayer]:
    """Who paid for the clouds that the account pays for or paid for, by cloud, newest first; of
    PAGE clouds after this cloud's ID, and one more if there is a next page. Who else paid is only
    for who sees the cloud."""
    own = select(Link.cloud_id).where(Link.account_id == account.id, Link.cloud_id > after)
    page = own.distinct().order_by(Link.cloud_id).limit(PAGE + 1)
    cloud_ids = list(db.session.scalars(page))
    links = (
        select(
            *(Link, BillingAccount.parent_id, *clouds.payer_columns_for(actor)),
            clouds.partner_name_for(actor),
        )
        .join(BillingAccount, BillingAccount.id == Link.account_id)
        .where(Link.cloud_id.in_(cloud_ids))
        .order_by(Link.cloud_id, Link.since_at.desc())
    )
    seen_clouds = select(Cloud.id, Cloud.name).where(Cloud.id.in_(cloud_ids))
    visible = db.session.execute(seen_clouds.where(Cloud.visible_to(actor)))
    names = {row[0]: row[1] for row in visible}
    rows = [
        row
        for row in db.session.execute(links)
        if row[0].account_id == account.id or row[0].cloud_id in names
    ]
    payer_of = {link.account_id: parent_id or link.account_id for link, parent_id, *_ in rows}
    seen = payers_with_cost(actor, set(payer_of.values()))
    amounts = _amounts(cloud_ids, [it for it, payer_id in payer_of.items() if payer_id in seen])
    times = Counter((link.cloud_id, link.account_id) for link, *_ in rows)
    found: list[CloudPayer] = []
    done: set[tuple[str, str]] = set()
    for link, _parent_id, account_id, name, partner_name in rows:
        pair = link.cloud_id, link.account_id
        is_shown = payer_of[link.account_id] in seen and pair not in done
        amount = amounts.get(pair, Decimal(0)) if is_shown else None
        done.add(pair)
        whom = (link.cloud_id, names.get(link.cloud_id), account_id, name)
        since_until = link.since_at, link.until_at
        found.append(CloudPayer(*whom, *since_until, amount, times[pair] > 1, partner_name))
    return found


class MonthCost(NamedTuple):
    """What a cloud cost an account in the month that begins on `month_on`."""

    month_on: date
    account_name: str
    amount: Decimal


def last_month_of(actor: Actor, cloud_id: str) -> list[MonthCost]:
    """What the cloud cost last month, by account that was charged: of those whose cost the actor
    reads. The caller has checked that the actor sees the cloud."""
    month_on = (billing_days.today().replace(day=1) - timedelta(days=1)).replace(day=1)
    account = BillingAccount.id, BillingAccount.name, BillingAccount.parent_id
    paid = select(*account).join(Link, Link.account_id == BillingAccount.id).distinct()
    rows = db.session.execute(paid.where(Link.cloud_id == cloud_id).order_by(*account)).all()
    seen = payers_with_cost(actor, {row.parent_id or row.id for row in rows})
    names = {row.id: row.name for row in rows if (row.parent_id or row.id) in seen}
    amounts = _amounts([cloud_id], list(names), month_on)
    return [
        MonthCost(month_on, name, amounts[cloud_id, account_id])
        for account_id, name in names.items()
        if (cloud_id, account_id) in amounts
    ]


def page_of(rows: list[CloudPayer]) -> tuple[list[CloudPayer], str]:
    """The rows of PAGE clouds, and the last cloud's ID if there is a next page, else empty."""
    ids = list(dict.fromkeys(row.cloud_id for row in rows))
    if len(ids) <= PAGE:
        return rows, ""
    last = ids[PAGE - 1]
    return [row for row in rows if row.cloud_id <= last], last


def _amounts(
    cloud_ids: list[str], account_ids: list[str], month_on: date | None = None
) -> dict[tuple[str, str], Decimal]:
    """What clouds cost accounts in all, or in a month, by cloud and account."""
    pair = UsageTotal.cloud_id, UsageTotal.account_id
    query = (
        select(*pair, func.sum(UsageTotal.micros), func.sum(UsageTotal.rest))
        .where(UsageTotal.account_id.in_(account_ids), UsageTotal.cloud_id.in_(cloud_ids))
        .group_by(*pair)
    )
    if month_on is not None:
        query = query.where(UsageTotal.month_on == month_on)
    rows = db.session.execute(query)
    return {(row[0], row[1]): exact(row[2], row[3]) for row in rows}
