"""Lists of prices: rates, and totals by month.

The caller checks visibility: costs and rates are for who may see the partner's money.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import func, select

from portal import db
from portal.domain.accounts import BillingAccount
from portal.domain.ledger import UNITS_OF_MICRO
from portal.domain.prices.record import PriceTotal, Rate

PAGE = 50


class RateRow(NamedTuple):
    """A rate with the name of its subaccount, None for all customers."""

    rate: Rate
    customer: str | None


class MonthPrice(NamedTuple):
    """The price of a subaccount's cloud and service in a month; `missing` counts its costs without
    price, by category and usage day."""

    cloud_id: str
    service: str
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
        return self.price - self.cost


def rates_for(
    partner: BillingAccount, *, subaccount_id: str = "", before: int | None = None
) -> list[RateRow]:
    """A page of a partner's rates, or of those of a subaccount alone, newest first, and one more if
    there is a next page; `before` is the number of the previous page's last."""
    query = (
        select(Rate, BillingAccount.name)
        .outerjoin(BillingAccount, BillingAccount.id == Rate.subaccount_id)
        .where(Rate.partner_id == partner.id)
    )
    if subaccount_id:
        query = query.where(Rate.subaccount_id == subaccount_id)
    if before is not None:
        query = query.where(Rate.number < before)
    rows = db.session.execute(query.order_by(Rate.number.desc()).limit(PAGE + 1))
    return [RateRow(*row) for row in rows]


def services_of(partner: BillingAccount) -> list[str]:
    """The services that the partner's customers have used."""
    query = select(PriceTotal.service).where(PriceTotal.payer_id == partner.id).distinct()
    return [name for name in db.session.scalars(query.order_by(PriceTotal.service)) if name]


def totals_for(
    partner: BillingAccount, *, subaccount_id: str = "", limit: int = 12
) -> list[MonthSum]:
    """The last months with usage of a partner's customers, or of one, newest first."""
    sums = [func.sum(getattr(PriceTotal, name)) for name in ("micros", "rest", "price", "missing")]
    own = [PriceTotal.account_id == subaccount_id] if subaccount_id else []
    query = (
        select(PriceTotal.month_on, *sums)
        .where(PriceTotal.payer_id == partner.id, *own)
        .group_by(PriceTotal.month_on)
        .order_by(PriceTotal.month_on.desc())
    )
    return [
        MonthSum(month_on, exact(micros, rest), _money(price), int(missing))
        for month_on, micros, rest, price, missing in db.session.execute(query.limit(limit))
    ]


def totals_of(subaccount_ids: Iterable[str], month_on: date) -> dict[str, list[MonthPrice]]:
    """The prices of subaccounts in a statement month, by subaccount, cloud and service."""
    names = ("account_id", "cloud_id", "service", "price", "missing")
    columns = [getattr(PriceTotal, name) for name in names]
    which = PriceTotal.account_id.in_(subaccount_ids), PriceTotal.month_on == month_on
    found: dict[str, list[MonthPrice]] = {}
    for account_id, cloud_id, service, price, missing in db.session.execute(
        select(*columns).where(*which).order_by(*columns[:3])
    ):
        row = MonthPrice(cloud_id, service, _money(price), missing)
        found.setdefault(account_id, []).append(row)
    return found


def exact(micros: Any, rest: Any) -> Decimal:
    """The amount of both integers together."""
    return Decimal(f"{int(micros) * UNITS_OF_MICRO + int(rest)}E-15")


def _money(micros: Any) -> Decimal:
    return Decimal(f"{int(micros)}E-6")
