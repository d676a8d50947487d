"""Checks of prices: they follow charges and rates, and totals are what they sum to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import func, or_, select, union_all

from portal.domain import billing_months, prices
from portal.domain.charges import Charge
from portal.domain.doctor.check import Problem, Query, check, raw, select_check, stream
from portal.domain.doctor.money import IS_POSTED, is_not_zero
from portal.domain.ledger import Posting
from portal.domain.prices import Price, PriceList, PriceSum, PriceTotal

GROUP = ("payer_id", "account_id", "cloud_id", "service", "category", "usage_on")
SUM = ("account_id", "month_on", "service", "payer_id")
TOTAL = ("posting_id", "account_id", "month_on", "cloud_id", "service", "category", "payer_id")


def _columns(model: Any, names: tuple[str, ...]) -> list[Any]:
    return [
        raw(getattr(model, name)) if name == "category" else getattr(model, name) for name in names
    ]


@select_check("I9", "The posting {2} prices another cost of {1} than it charges.")
def priced_cost_differs_from_charges() -> Query:
    columns = (*GROUP, "month_on", "posting_id")
    charged = select(*_columns(Charge, columns), Charge.micros, Charge.rest)
    priced = select(*_columns(Price, columns), -Price.micros, -Price.rest)
    rows = union_all(
        charged.join(Posting, Posting.id == Charge.posting_id).where(
            IS_POSTED, Charge.account_id != Charge.payer_id
        ),
        priced.join(Posting, Posting.id == Price.posting_id).where(IS_POSTED),
    ).subquery()
    query = select(rows.c.account_id, rows.c.cloud_id, rows.c.posting_id)
    query = query.group_by(*list(rows.c)[: len(columns)])
    return query.having(is_not_zero(rows.c.micros, rows.c.rest))


@check("I9")
def prices_differ_from_rates() -> Iterator[Problem]:
    """A day's price is its whole cost by the rate in force. Where a worker has still to apply a
    rate, nothing is compared."""
    waits = select(PriceList.partner_id).where(PriceList.applied != PriceList.rates)
    months = (
        select(
            *_columns(Price, (*GROUP, "month_on")),
            *(func.sum(getattr(Price, name)).label(name) for name in prices.AMOUNTS),
        )
        .join(Posting, Posting.id == Price.posting_id)
        .where(IS_POSTED, Price.payer_id.not_in(waits))
        .group_by(*_columns(Price, (*GROUP, "month_on")))
        .order_by(*_columns(Price, (*GROUP, "month_on")))
    )
    tables: dict[str, prices.RateTable] = {}
    open_on = billing_months.oldest_open()
    group: Any = None
    found: list[tuple[date, prices.Sums]] = []
    for row in stream(months):
        key, month_on, amounts = list(row[:6]), row[6], row[7:]
        if key != group:
            yield from _problems(group, found, tables, open_on)
            group, found = key, []
        found.append((month_on, prices.sums_of(*amounts)))
    yield from _problems(group, found, tables, open_on)


def _problems(
    group: Any, found: Any, tables: dict[str, prices.RateTable], open_on: date
) -> Iterator[Problem]:
    """A problem if the sums of a group are not what its rate says."""
    if group is None:
        return
    partner_id, account_id, cloud_id, service, _category, usage_on = group
    if partner_id not in tables:
        tables |= prices.tables_of([partner_id])
    factor = tables[partner_id].factor(account_id, service, usage_on)
    if any(prices.differences(dict(found), {}, factor, open_on=open_on)):
        yield Problem(account_id, f"The price of {cloud_id} on {usage_on} is not that of its rate.")


@select_check("I9", "A total of {1} in the posting {2} is not that of its prices.")
def price_total_differs() -> Query:
    priced = select(*_columns(Price, (*TOTAL, *prices.AMOUNTS)))
    both = (
        query.join(Posting, Posting.id == model.posting_id).where(IS_POSTED)
        for model, query in ((Price, priced), (PriceTotal, _negated(PriceTotal, TOTAL)))
    )
    rows = union_all(*both).subquery().c
    query = select(rows.account_id, rows.cloud_id, rows.posting_id)
    return query.group_by(*list(rows)[: len(TOTAL)]).having(_differs(rows))


@select_check("I9", "The sum of {1} in the month of {2} is not that of its totals.")
def price_sum_differs() -> Query:
    of_customers = PriceTotal.payer_id.label("account_id")
    rest = _columns(PriceTotal, (*SUM[1:], *prices.AMOUNTS))
    both = (
        select(column, *rest).join(Posting, Posting.id == PriceTotal.posting_id).where(IS_POSTED)
        for column in (PriceTotal.account_id, of_customers)
    )
    rows = union_all(*both, _negated(PriceSum, SUM)).subquery().c
    query = select(rows.account_id, rows.service, rows.month_on)
    return query.group_by(*list(rows)[: len(SUM)]).having(_differs(rows))


def _negated(model: Any, key: tuple[str, ...]) -> Query:
    return select(*_columns(model, key), *(-x for x in _columns(model, prices.AMOUNTS)))


def _differs(rows: Any) -> Any:
    is_price_wrong = is_not_zero(rows.whole, rows.millionths, prices.MICROS_OF_ONE)
    return or_(is_not_zero(rows.micros, rows.rest), is_price_wrong, func.sum(rows.missing) != 0)
