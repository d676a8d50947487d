"""Lots: for which clouds each grant of an account paid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from decimal import ROUND_DOWN, Decimal, localcontext
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, literal, select

from portal import db
from portal.domain import policy
from portal.domain.charges import PURCHASES
from portal.domain.ledger import Draw, Lot, Posting
from portal.domain.totals import UsageTotal
from portal.domain.usage import exact

LISTED = 20
"""Of the clouds that cost most in a month, those that are looked at."""
MICRO = Decimal("1E-6")


class LotUse(NamedTuple):
    """What a lot paid for clouds, the most first, and for all others."""

    clouds: list[tuple[str, Decimal]]
    other: Decimal


def lot_uses(account_id: str, lots: Iterable[Lot]) -> dict[str, LotUse]:
    """For which clouds each lot paid, by its ID. What a lot paid in a month is shared by what it
    could pay of each cloud's cost; shares sum to what was used. The caller checks visibility."""
    paid = _paid_by_month(account_id, [lot.id for lot in lots])
    months = sorted({month for _lot_id, month in paid})
    keys = {key for month in months for key in _largest(account_id, month)}
    costs = _payable(account_id, months, keys) if keys else {}
    totals = _payable(account_id, months) if keys else {}
    found = {lot.id: Counter[str]() for lot in lots}
    used: Counter[str] = Counter()
    for (lot_id, month), micros in paid.items():
        used[lot_id] += micros
        for key in keys:
            cost, total = costs.get((key, month)), totals.get(("", month))
            if cost and total:
                found[lot_id][key] += _share(micros, cost, total)
    most = len(keys) * len(months)
    return {lot_id: _use_of(shares, used[lot_id], most) for lot_id, shares in found.items()}


def _paid_by_month(account_id: str, lot_ids: list[str]) -> dict[tuple[str, date], int]:
    """What lots bear, in micros, by lot and month of the usage days."""
    query = (
        select(Draw.bearer, Draw.usage_on, func.sum(Draw.micros))
        .join(Posting, Posting.id == Draw.posting_id)
        .where(Draw.account_id == account_id, Draw.bearer.in_(lot_ids))
        .where(Posting.posted_at.is_not(None))
        .group_by(Draw.bearer, Draw.usage_on)
    )
    paid: dict[tuple[str, date], int] = {}
    for lot_id, usage_on, micros in db.session.execute(query):
        key = lot_id, usage_on.replace(day=1)
        paid[key] = paid.get(key, 0) + int(micros)
    return paid


def _is_payable(account_id: str) -> tuple[ColumnElement[bool], ...]:
    """Of a total: the account's lots can pay for it."""
    is_its = UsageTotal.payer_id == account_id
    if policy.current().grant_pays_all:
        return (is_its,)
    return (is_its, UsageTotal.category.not_in(PURCHASES))


def _largest(account_id: str, month: date) -> Iterable[str]:
    """The clouds of which lots could pay most in a month."""
    query = select(UsageTotal.cloud_id).where(
        *_is_payable(account_id), UsageTotal.month_on == month
    )
    most = func.sum(UsageTotal.micros).desc(), UsageTotal.cloud_id
    return db.session.scalars(query.group_by(UsageTotal.cloud_id).order_by(*most).limit(LISTED))


def _payable(
    account_id: str, months: list[date], keys: Iterable[str] = ()
) -> dict[tuple[str, date], Decimal]:
    """What lots could pay, by cloud and month: of these clouds, or under "" of all."""
    cloud = UsageTotal.cloud_id if keys else literal("")
    sums = func.sum(UsageTotal.micros), func.sum(UsageTotal.rest)
    query = select(cloud, UsageTotal.month_on, *sums).where(*_is_payable(account_id))
    query = query.where(UsageTotal.month_on.in_(months)).group_by(UsageTotal.month_on)
    if keys:
        query = query.where(cloud.in_(keys)).group_by(cloud)
    rows = db.session.execute(query)
    return {(key, month): exact(micros, rest) for key, month, micros, rest in rows}


def _share(micros: int, cost: Decimal, total: Decimal) -> int:
    with localcontext(prec=60):
        return int((micros * cost / total).to_integral_value(ROUND_DOWN))


def _use_of(shares: Counter[str], used: int, most: int) -> LotUse:
    """The shares as amounts. What rounding leaves, at most `most` micros, goes to the largest; more
    is of other clouds."""
    left = used - sum(shares.values())
    if shares and abs(left) <= most:
        shares[max(shares, key=lambda key: (shares[key], key))] += left
        left = 0
    ordered = sorted(shares.items(), key=lambda it: (-it[1], it[0]))
    return LotUse([(key, micros * MICRO) for key, micros in ordered if micros], left * MICRO)
