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
from portal.domain.ledger import UNITS_OF_MICRO, Posting
from portal.domain.prices import Price, PriceList, PriceTotal

GROUP = ("payer_id", "account_id", "cloud_id", "service", "category", "usage_on")
TOTAL = ("account_id", "month_on", "cloud_id", "service", "payer_id")
AMOUNTS = ("price", "missing", "micros", "rest")


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
            *(func.sum(getattr(Price, name)).label(name) for name in AMOUNTS),
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
    for *key, month_on, price, missing, micros, rest in stream(months):
        if key != group:
            yield from _problems(group, found, tables, open_on)
            group, found = key, []
        units = int(micros) * UNITS_OF_MICRO + int(rest)
        found.append((month_on, prices.Sums(units, int(price), int(missing))))
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


@select_check("I9", "The total of {1} in the month of {2} is not that of its prices.")
def price_total_differs() -> Query:
    kept = select(*_columns(PriceTotal, TOTAL), *(-x for x in _columns(PriceTotal, AMOUNTS)))
    priced = select(*_columns(Price, TOTAL), *_columns(Price, AMOUNTS))
    priced = priced.join(Posting, Posting.id == Price.posting_id).where(IS_POSTED)
    rows = union_all(priced, kept).subquery().c
    query = select(rows.account_id, rows.cloud_id, rows.month_on)
    query = query.group_by(*list(rows)[: len(TOTAL)])
    differs = [func.sum(rows[name]) != 0 for name in ("price", "missing")]
    return query.having(or_(*differs, is_not_zero(rows.micros, rows.rest)))
