"""Lots: for which clouds each grant of an account paid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from decimal import ROUND_DOWN, Decimal, localcontext
from typing import NamedTuple

from sqlalchemy import func, select

from portal import db
from portal.domain.ledger import Draw, Lot, Posting
from portal.domain.reports.cost import amounts_of, rows_of
from portal.domain.totals import By

LISTED = 20
"""Of the clouds that cost most in a month, those that are looked at."""
MICRO = Decimal("1E-6")


class LotUse(NamedTuple):
    """What a lot paid for clouds, the most first, and for all others."""

    clouds: list[tuple[str, Decimal]]
    other: Decimal


def lot_uses(account_id: str, lots: Iterable[Lot]) -> dict[str, LotUse]:
    """For which clouds each lot paid, by its ID. What a lot paid in a month is shared by what each
    cloud cost in it; shares sum to what was used. The caller checks visibility."""
    paid = _paid_by_month(account_id, [lot.id for lot in lots])
    months = sorted({month for _lot_id, month in paid})
    tops = [rows_of(account_id, By.CLOUD, month, size=LISTED)[:LISTED] for month in months]
    keys = {row.key for rows in tops for row in rows}
    costs = amounts_of(account_id, By.CLOUD, months, keys) if keys else {}
    totals = amounts_of(account_id, By.TOTAL, months, [""]) if keys else {}
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
