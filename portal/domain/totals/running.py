"""Running costs: what of a month's amount goes on day by day, from which forecasts are worked out.

The functions are columns for queries of BillingAccount. Future days, Purchase, Tax, Credit and
Adjustment, and corrections of closed months do not go on.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, extract, func, select

from portal.domain import billing_days
from portal.domain.accounts import BillingAccount
from portal.domain.clouds import Link
from portal.domain.ledger import DaySum, Posting
from portal.domain.prices import MICROS_OF_ONE, Price
from portal.domain.totals.record import By, CorrectedTotal, UsageSum, UsageTotal

IS_CUSTOMERS = BillingAccount.parent_id.is_not(None)
ONCE = ("Credit", "Adjustment")
"""Categories whose amounts come once, of those that lots pay for."""


def _day_sums(month_on: date, account_id: Any, *columns: Any) -> Select[Any]:
    """Of the days of the month that are over."""
    days = month_on, billing_days.today() - timedelta(days=1)
    query = select(*columns).join(Posting, Posting.id == DaySum.posting_id)
    is_its = DaySum.account_id == account_id, DaySum.usage_on.between(*days)
    return query.where(*is_its, Posting.posted_at.is_not(None)).correlate(BillingAccount)


def _prices(month_on: date, *columns: Any) -> Select[Any]:
    """Of a subaccount's usage on the days of the month that are over."""
    days = month_on, billing_days.today() - timedelta(days=1)
    its = select(Link.cloud_id).where(Link.account_id == BillingAccount.id)
    query = select(*columns).join(Posting, Posting.id == Price.posting_id)
    return query.where(
        Price.cloud_id.in_(its.correlate(BillingAccount)),
        *(Price.account_id == BillingAccount.id, Price.category == "Usage"),
        *(Price.usage_on.between(*days), Posting.posted_at.is_not(None)),
    ).correlate(BillingAccount)


def last_day(month_on: date) -> ColumnElement[int]:
    """The day of the month up to which there is usage of the account that pays, yesterday at most;
    NULL without one."""
    payer_id = func.coalesce(BillingAccount.parent_id, BillingAccount.id)
    days = _day_sums(month_on, payer_id, DaySum.usage_on).order_by(DaySum.usage_on.desc())
    return extract("day", days.limit(1).scalar_subquery())


def first_day(month_on: date) -> ColumnElement[int]:
    """The day of the month on which usage began; 1 if there was some in the month before."""
    before = (month_on - timedelta(days=1)).replace(day=1)
    is_total = UsageSum.account_id == BillingAccount.id, UsageSum.grouped_by == By.TOTAL
    had_some = exists().where(*is_total, UsageSum.month_on == before, UsageSum.micros != 0)
    own = _day_sums(month_on, BillingAccount.id, func.min(DaySum.usage_on)).scalar_subquery()
    customers = _prices(month_on, func.min(Price.usage_on)).scalar_subquery()
    first = case((IS_CUSTOMERS, customers), else_=own)
    return case((had_some, 1), else_=func.coalesce(extract("day", first), 1))


def running_cost(month_on: date) -> ColumnElement[int]:
    """What of the cost goes on, in 10⁻⁶."""
    is_usage = ~DaySum.is_purchase
    days = _day_sums(month_on, BillingAccount.id, _sum(DaySum.micros)).where(is_usage)
    once, corrected = (
        select(_sum(it.micros)).where(
            and_(it.payer_id == BillingAccount.id, it.month_on == month_on, it.category.in_(ONCE))
        )
        for it in (UsageTotal, CorrectedTotal)
    )
    own = days.scalar_subquery() - once.scalar_subquery() + corrected.scalar_subquery()
    customers = _prices(month_on, _sum(Price.micros)).scalar_subquery()
    return case((IS_CUSTOMERS, customers), else_=own)


def corrections(month_on: date) -> ColumnElement[int]:
    """What of the cost corrects months that were closed before, in 10⁻⁶."""
    own, customers = (
        select(_sum(CorrectedTotal.micros))
        .where(it == BillingAccount.id, CorrectedTotal.month_on == month_on)
        .scalar_subquery()
        for it in (CorrectedTotal.payer_id, CorrectedTotal.account_id)
    )
    return case((IS_CUSTOMERS, customers), else_=own)


def running_price(month_on: date) -> ColumnElement[int]:
    """What of the price of a subaccount's usage goes on, in 10⁻⁶."""
    price = _sum(Price.whole) * MICROS_OF_ONE + _sum(Price.millionths)
    return _prices(month_on, price).scalar_subquery()


def _sum(column: Any) -> ColumnElement[Any]:
    return func.coalesce(func.sum(column), 0)
