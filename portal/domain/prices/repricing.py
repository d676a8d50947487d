"""Repricing: what new rates change of prices that are posted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import select

from portal import db
from portal.domain import ledger
from portal.domain.prices.amounts import Change, Drafts, changes_of, load_posted
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
    new = list(db.session.scalars(select(Rate).where(*is_new)))
    # a late rate may price corrections of any day
    first_on = min((date.min if it.month_on else it.starts_on for it in new), default=date.max)
    subaccount_ids = {it.subaccount_id for it in new}
    clouds = select(PriceTotal.cloud_id).where(PriceTotal.payer_id == partner_id).distinct()
    if "" not in subaccount_ids:
        clouds = clouds.where(PriceTotal.account_id.in_(subaccount_ids))
    cloud_ids = list(db.session.scalars(clouds.order_by(PriceTotal.cloud_id)))
    return Repricing(first_on, cloud_ids, version)


def find_repriced(
    partner_id: str, cloud_ids: Sequence[str], first_on: date, drafts: Drafts
) -> list[Change]:
    """What the rates of now change of these clouds from the day on, and of what has no price on the
    drafts."""
    posted = load_posted(cloud_ids, first_on)
    mine = {group: months for group, months in posted.items() if group.payer_id == partner_id}
    return changes_of({}, mine, drafts)
