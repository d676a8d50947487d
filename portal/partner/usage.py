"""Usage: what a partner's customers cost this month and the eleven before; exports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

from flask import Blueprint, abort, g, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext, pgettext

from portal import db, web
from portal.domain import access, reports
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.reports import Row, Series
from portal.domain.totals import By
from portal.partner.usage_chart import draw
from portal.web import usage_exports
from portal.web.months import Months, shown_month

blueprint = Blueprint("usage", __name__, url_prefix="/<id:account_id>/usage")

GROUPINGS = {
    By.CUSTOMER: lazy_gettext("Customer"),
    By.CLOUD: lazy_gettext("Cloud"),
    By.SERVICE: lazy_gettext("Service"),
}


@blueprint.get("")
def index(account_id: str) -> Any:
    """Show a month: to who may see it the cost, to others the quantities."""
    access.require(web.actor(), Action.ACCOUNT_SEE, g.partner)
    months, by = shown_month(reports.first_month(account_id)), _grouping()
    context: dict[str, Any] = {
        "partner": g.partner,
        "months": months,
        "by": by,
        "groupings": GROUPINGS,
        "url": partial(_url, "index", months, by),
        "export_url": partial(_url, "export", months, by),
    }
    if not reports.may_see_cost(web.actor(), g.partner):
        quantities = reports.quantities_of(account_id, months.shown)
        return web.page("partner/usage/quantities.html", quantities=quantities, **context)
    return web.page("partner/usage/index.html", **context, **_costs(account_id, months, by))


def _grouping() -> By:
    name = request.args.get("by", "")
    return By(name) if name in set(GROUPINGS) else By.CUSTOMER


def _url(view: str, months: Months, grouping: By, /, **changes: Any) -> str:
    """The URL of `view` with this month and grouping, and `changes`."""
    parameters = {"month": f"{months.shown:%Y-%m}", "by": str(grouping), **changes}
    return url_for(f".{view}", account_id=g.partner.id, **parameters)


def _costs(account_id: str, months: Months, by: By) -> dict[str, Any]:
    """What the page shows of the cost."""
    month, after = months.shown, _after()
    overview = reports.overview(account_id, month)
    scale = Decimal(overview.month_days) / overview.days if overview.forecast else Decimal(1)
    series = reports.series_of(account_id, by, month)
    rows = reports.rows_of(account_id, by, month, after=after)
    shown, next_after = web.paginate(rows, reports.PAGE, cursor=lambda it: f"{it.micros}~{it.key}")
    grew = reports.changes_of(account_id, by, month, scale)
    stopped = reports.stopped(account_id, by, month) if overview.amount else []
    keys = {row.key for row in shown} | {it.key for it in series if it.key is not None}
    keys |= {key for key, _amount in (*grew, *stopped)}
    return {
        "overview": overview,
        "scale": scale,
        "series": series,
        "chart": draw(series, month, overview.forecast),
        "colors": _colors(series),
        "rows": shown,
        "after": after,
        "next_after": next_after,
        "grew": grew,
        "stopped": stopped,
        "names": reports.names_of(web.actor(), by, keys),
        "customers": reports.customers_of(keys) if by is By.CUSTOMER else {},
    }


def _colors(series: list[Series]) -> dict[str, int]:
    return {it.key: number for number, it in enumerate(series, start=1) if it.key is not None}


def _after() -> tuple[int, str] | None:
    """Where the page begins, from the URL: micros and key."""
    micros, found, key = request.args.get("after", "")[:400].partition("~")
    is_number = micros.removeprefix("-").isdecimal() and micros.isascii() and len(micros) <= 19
    return (int(micros), key) if found and is_number else None


@blueprint.get("/export")
def export(account_id: str) -> Any:
    """Download what the page shows: as CSV, spreadsheet, or FOCUS 1.4."""
    actor, by, kind = web.actor(), _grouping(), request.args.get("format", "csv")
    access.require(actor, Action.ACCOUNT_SEE, g.partner)
    month = shown_month(reports.first_month(account_id)).shown
    name = f"usage-{month:%Y-%m}"
    if not reports.may_see_cost(actor, g.partner):
        return usage_exports.quantities_file(name, account_id, month, kind)
    if kind == "focus":
        return web.csv_file(f"focus-{month:%Y-%m}", usage_exports.focus_table(g.partner, month))
    if kind not in usage_exports.KINDS:
        abort(404)
    names = [GROUPINGS[by], pgettext("column", "ID"), _("Month before"), pgettext("usage", "Month")]
    rows = _export_rows(account_id, by, lambda after: _page(account_id, by, month, after))
    return usage_exports.file(name, kind, [str(it) for it in names], rows)


Page = Callable[[tuple[int, str] | None], list[Row]]


def _export_rows(account_id: str, by: By, page: Page) -> Iterator[list[object]]:
    """All rows. Each page has its own transaction: a slow client holds none."""
    actor, after = web.actor(), None
    while True:
        rows = db.read(partial(page, after))
        shown = rows[: reports.PAGE]
        names = db.read(lambda: reports.names_of(actor, by, {it.key for it in shown}))  # noqa: B023
        for row in shown:
            ident = "" if by is By.SERVICE else row.key
            yield [names.get(row.key) or row.key, ident, row.before, row.amount]
        if len(rows) <= reports.PAGE:
            return
        after = (shown[-1].micros, shown[-1].key)


def _page(account_id: str, by: By, month: Any, after: tuple[int, str] | None) -> list[Row]:
    """A page of rows. Raises Interrupted once the actor may not see them any more."""
    partner = db.find(BillingAccount, account_id, web.actor())
    if partner is None or not reports.may_see_cost(web.actor(), partner):
        raise web.Interrupted
    return reports.rows_of(account_id, by, month, after=after)
