"""Lists of prices: rates, and totals by month.

The caller checks visibility: `reports.figures_for` says who reads costs and prices.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from decimal import Context, Decimal
from typing import NamedTuple

from sqlalchemy import func, select

from portal import db
from portal.domain.accounts import BillingAccount
from portal.domain.ledger import Posting
from portal.domain.prices.amounts import AMOUNTS, sums_of
from portal.domain.prices.record import PriceSum, PriceTotal, Rate

PAGE = 50
PRECISE = Context(prec=60)


class RateRow(NamedTuple):
    """A rate with the name of its subaccount, None for all customers."""

    rate: Rate
    customer: str | None


class MonthPrice(NamedTuple):
    """The price of a subaccount's cloud in a month, by service and category; `missing` counts its
    costs without price, by usage day."""

    cloud_id: str
    service: str
    category: str
    price: Decimal
    missing: int


class MonthSum(NamedTuple):
    """Cost and price of all of a partner's customers in a month."""

    month_on: date
    cost: Decimal
    price: Decimal
    missing: int

    @property
    def margin(self) -> Decimal:
        """What the price is above the cost, exactly."""
        return PRECISE.subtract(self.price, self.cost)


def rates_for(
    partner: BillingAccount, *, subaccount_id: str = "", before: int | None = None
) -> list[RateRow]:
    """A page of a partner's rates, or of those that apply to a subaccount, newest first, and one
    more if there is a next page; `before` is the number of the previous page's last."""
    query = (
        select(Rate, BillingAccount.name)
        .outerjoin(BillingAccount, BillingAccount.id == Rate.subaccount_id)
        .where(Rate.partner_id == partner.id)
    )
    if subaccount_id:
        query = query.where(Rate.subaccount_id.in_(("", subaccount_id)))
    if before is not None:
        query = query.where(Rate.number < before)
    rows = db.session.execute(query.order_by(Rate.number.desc()).limit(PAGE + 1))
    return [RateRow(*row) for row in rows]


def totals_for(
    partner: BillingAccount, *, subaccount_id: str = "", limit: int = 12
) -> list[MonthSum]:
    """The last months with usage of a partner's customers, or of one, newest first."""
    sums = [func.sum(getattr(PriceSum, name)) for name in AMOUNTS]
    query = (
        select(PriceSum.month_on, *sums)
        .where(PriceSum.account_id == (subaccount_id or partner.id))
        .where(PriceSum.payer_id == partner.id)
        .group_by(PriceSum.month_on)
        .order_by(PriceSum.month_on.desc())
    )
    found = []
    for month_on, *amounts in db.session.execute(query.limit(limit)):
        units, price, missing = sums_of(*amounts)
        found.append(MonthSum(month_on, Decimal(f"{units}E-15"), _money(price), missing))
    return found


def months_of(subaccount: BillingAccount) -> list[tuple[date, Decimal | None]]:
    """The price of each of a subaccount's last months with usage, newest first, None while one is
    missing."""
    partner = subaccount.parent
    months = totals_for(partner, subaccount_id=subaccount.id) if partner else []
    return [(it.month_on, None if it.missing else it.price) for it in months]


def prices_by_service(
    subaccount: BillingAccount, months: Collection[date]
) -> dict[tuple[str, date], Decimal | None]:
    """The prices of a subaccount's months by service and month, None while one is missing."""
    columns = [getattr(PriceSum, name) for name in AMOUNTS]
    query = select(PriceSum.service, PriceSum.month_on, *columns).where(
        PriceSum.account_id == subaccount.id,
        PriceSum.payer_id == subaccount.parent_id,
        PriceSum.month_on.in_(months),
    )
    return {
        (service, month_on): None if missing else _money(price)
        for service, month_on, *amounts in db.session.execute(query)
        for _units, price, missing in [sums_of(*amounts)]
    }


def totals_of(subaccount_ids: Iterable[str], month_on: date) -> dict[str, list[MonthPrice]]:
    """The prices of subaccounts in a statement month, by subaccount, cloud, service and
    category."""
    names = ("account_id", "cloud_id", "service", "category")
    key = [getattr(PriceTotal, name) for name in names]
    sums = [func.sum(getattr(PriceTotal, name)) for name in AMOUNTS]
    query = (
        select(*key, *sums)
        .join(Posting, Posting.id == PriceTotal.posting_id)
        .where(PriceTotal.account_id.in_(subaccount_ids), PriceTotal.month_on == month_on)
        .where(Posting.posted_at.is_not(None))
        .group_by(*key)
        .order_by(*key)
    )
    found: dict[str, list[MonthPrice]] = {}
    for account_id, cloud_id, service, category, *amounts in db.session.execute(query):
        _units, price, missing = sums_of(*amounts)
        row = MonthPrice(cloud_id, service, category, _money(price), missing)
        found.setdefault(account_id, []).append(row)
    return found


def _money(micros: int) -> Decimal:
    return Decimal(f"{micros}E-6")
