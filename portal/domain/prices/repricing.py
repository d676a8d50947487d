"""Repricing: what new rates change of prices that are posted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import func, select

from portal import db
from portal.domain import ledger
from portal.domain.prices.amounts import Change, changes_of, load_posted
from portal.domain.prices.record import PriceList, PriceTotal, Rate


class Repricing(NamedTuple):
    """What new rates may change: usage days from `first_on` of these clouds. `version` is that of
    the partner's ledger."""

    first_on: date
    cloud_ids: list[str]
    version: dict[str, int]


def is_applied(partner_id: str) -> bool:
    """Whether the prices that are posted follow all rates of the partner."""
    found = db.session.get(PriceList, partner_id)
    return found is None or found.applied == found.rates


def plan_repricing(partner_id: str) -> Repricing:
    """Find what the rates change that the prices don't follow yet."""
    version = ledger.versions_of([partner_id])
    applied = select(PriceList.applied).where(PriceList.partner_id == partner_id)
    is_new = Rate.partner_id == partner_id, Rate.number > applied.scalar_subquery()
    new = select(Rate.subaccount_id, func.min(Rate.starts_on)).where(*is_new)
    starts = {row[0]: row[1] for row in db.session.execute(new.group_by(Rate.subaccount_id))}
    first_on = min(starts.values(), default=date.max)
    clouds = select(PriceTotal.cloud_id).where(PriceTotal.payer_id == partner_id).distinct()
    if "" not in starts:
        clouds = clouds.where(PriceTotal.account_id.in_(list(starts)))
    cloud_ids = list(db.session.scalars(clouds.order_by(PriceTotal.cloud_id)))
    return Repricing(first_on, cloud_ids, version)


def find_repriced(partner_id: str, cloud_ids: Sequence[str], first_on: date) -> list[Change]:
    """What the rates of now change of these clouds from the day on."""
    posted = load_posted(cloud_ids, first_on)
    mine = {group: months for group, months in posted.items() if group.payer_id == partner_id}
    return changes_of({}, mine)
