"""Pages of usage: an account's month with cost by customer, cloud or service, or with quantities.

Files have exactly what the page shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from flask import request, url_for
from flask_babel import lazy_gettext

from portal.domain import prices, reports
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.reports import Figures, Series
from portal.domain.totals import By
from portal.web import usage_exports
from portal.web.gates import actor
from portal.web.months import Months, shown_month
from portal.web.pages import page
from portal.web.pagination import paginate
from portal.web.usage_chart import draw, spark

GROUPINGS = {
    By.CUSTOMER: lazy_gettext("Customer"),
    By.CLOUD: lazy_gettext("Cloud"),
    By.SERVICE: lazy_gettext("Service"),
}
Links = Callable[[By, set[str]], Mapping[str, str]]
"""The URLs of the pages of keys, as far as there are any."""


class Shown(NamedTuple):
    """What the URL chooses: the month, and what it is grouped by; which figures the user reads, and
    whether prices stand beside quantities."""

    account: BillingAccount
    months: Months
    by: By
    groupings: dict[By, Any]
    figures: Figures
    has_prices: bool


def shown(account: BillingAccount, *, has_prices: bool = False) -> Shown:
    """What the page of an account shows; only a partner's has customers. With `has_prices`, also
    prices that the user reads. Raises Forbidden."""
    figures = reports.figures_for(actor(), account)
    groupings = {by: name for by, name in GROUPINGS.items() if _has(account, by)}
    chosen = request.args.get("by", "")
    by = By(chosen) if chosen in set(groupings) else next(iter(groupings))
    months = shown_month(reports.first_month(account.id))
    return Shown(account, months, by, groupings, figures, has_prices and figures.price)


def _has(account: BillingAccount, by: By) -> bool:
    return by is not By.CUSTOMER or account.kind is Kind.PARTNER


def usage_page(
    template: str, it: Shown, *, export: str, links: Links = lambda by, keys: {}, **context: Any
) -> Any:
    """The page of an account: to who may see it with the cost, to others with quantities. `export`
    is the endpoint of its files."""
    sees_cost = it.figures.cost
    context |= {
        "months": it.months,
        "by": it.by,
        "groupings": it.groupings,
        "sees_cost": sees_cost,
        "url": partial(_url, it, request.endpoint or ""),
        "export_url": partial(_url, it, export),
    }
    return page(template, **context, **(_costs(it, links) if sees_cost else _quantities(it)))


def _url(it: Shown, endpoint: str, /, **changes: Any) -> str:
    """The URL with this month and grouping, and `changes`."""
    parameters = {"month": f"{it.months.shown:%Y-%m}", "by": str(it.by), **changes}
    return url_for(endpoint, **(request.view_args or {}), **parameters)


def _quantities(it: Shown) -> dict[str, Any]:
    most, found = reports.MAX_LISTED, _prices(it)
    rows = reports.quantities_of(it.account.id, it.months.shown, limit=most + 1)
    listed = reports.with_prices(rows[:most], found, it.months.shown)
    sums = [_sum(found, month) for month in (it.months.before, it.months.shown)]
    return {"quantities": listed, "price_sums": found and sums, "has_more": len(rows) > most}


def _prices(it: Shown) -> dict[tuple[str, date], Decimal | None]:
    """The prices of the month and the one before, by service and month; none if not shown."""
    if not it.has_prices:
        return {}
    return prices.prices_by_service(it.account, (it.months.before, it.months.shown))


def _sum(found: Mapping[tuple[str, date], Decimal | None], month: date) -> Decimal | None:
    """The sum of a month; None while a price is missing."""
    amounts = [amount for (_service, month_on), amount in found.items() if month_on == month]
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None


def _costs(it: Shown, links: Links) -> dict[str, Any]:
    account_id, by, month, after = it.account.id, it.by, it.months.shown, _after()
    overview = reports.overview(it.account, month)
    series = reports.series_of(account_id, by, month)
    rows = reports.rows_of(account_id, by, month, after=after)
    listed, next_after = paginate(rows, reports.PAGE, cursor=lambda it: f"{it.micros}~{it.key}")
    scale = overview.scale
    grew = reports.grown(account_id, by, month, scale) if scale else []
    stopped = reports.stopped(account_id, by, month) if scale else []
    shown = {row.key for row in listed}
    trends = reports.trends_of(account_id, by, month, shown)
    keys = shown | {it.key for it in series if it.key is not None}
    keys |= {key for key, _amount in (*grew, *stopped)}
    return {
        "overview": overview,
        "series": series,
        "chart": draw(series, month, overview.forecast),
        "colors": _colors(series),
        "rows": listed,
        "sparks": {key: spark(amounts) for key, amounts in trends.items()},
        "after": after,
        "next_after": next_after,
        "grew": grew,
        "stopped": stopped,
        "names": reports.names_of(actor(), account_id, by, keys),
        "links": links(by, keys),
        "own_id": account_id if by is By.CUSTOMER else None,
    }


def _colors(series: list[Series]) -> dict[str, int]:
    return {it.key: number for number, it in enumerate(series, start=1) if it.key is not None}


def _after() -> tuple[int, str] | None:
    """Where the page begins, from the URL: micros and key."""
    micros, found, key = request.args.get("after", "").partition("~")
    is_number = micros.removeprefix("-").isdecimal() and micros.isascii() and len(micros) <= 18
    return (int(micros), key) if found and is_number else None


def usage_file(it: Shown) -> Any:
    """What the page shows as a download: CSV, spreadsheet, or the cost as FOCUS 1.4."""
    kind, month = request.args.get("format", "csv"), it.months.shown
    if not it.figures.cost:
        rows = reports.quantities_of(it.account.id, month)
        return usage_exports.quantities_file(rows, _prices(it), month, kind)
    if kind == "focus":
        return usage_exports.focus_file(it.account, month)
    return usage_exports.cost_file(it.account.id, it.by, GROUPINGS[it.by], month, kind)
