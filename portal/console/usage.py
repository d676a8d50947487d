"""*Usage* of a billing account in the console: quantities; who paid for clouds as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_babel import pgettext

from portal import db, web
from portal.domain import access, reports
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.reports import CloudPayer
from portal.i18n import formats
from portal.web import usage_exports
from portal.web.months import shown_month

blueprint = Blueprint("usage", __name__, url_prefix="/billing/<id:account_id>/usage")


@blueprint.get("")
def show(account_id: str) -> Any:
    """Show what the account's clouds used in a month, without amounts."""
    account = web.find_or_404(BillingAccount, account_id)
    access.require(web.actor(), Action.ACCOUNT_SEE, account)
    months = shown_month(reports.first_used_month(account_id))
    return web.page(
        "console/billing/usage.html",
        account=account,
        months=months,
        quantities=reports.quantities_of(account_id, months.shown),
        url=partial(url_for, ".show", account_id=account_id),
        export_url=partial(
            url_for, ".export", account_id=account_id, month=f"{months.shown:%Y-%m}"
        ),
    )


@blueprint.get("/export")
def export(account_id: str) -> Any:
    """Download what the page shows, as CSV or spreadsheet."""
    account = web.find_or_404(BillingAccount, account_id)
    access.require(web.actor(), Action.ACCOUNT_SEE, account)
    month = shown_month(reports.first_used_month(account_id)).shown
    kind = request.args.get("format", "csv")
    return usage_exports.quantities_file(f"usage-{month:%Y-%m}", account_id, month, kind)


@blueprint.get("/payers")
def payers(account_id: str) -> Any:
    """Download who paid for each cloud from when to when, and what it cost."""
    _find_with_cost(account_id)
    return web.csv_file("payers", _payer_rows(account_id))


def _find_with_cost(account_id: str) -> BillingAccount:
    """The account. Aborts with 404, or raises Forbidden unless the user may see its cost."""
    account = web.find_or_404(BillingAccount, account_id)
    access.require(web.actor(), Action.ACCOUNT_SEE_MONEY, account.parent or account)
    return account


def _payer_rows(account_id: str) -> Iterator[list[object]]:
    """A header and the rows. Each page has its own transaction: a slow client holds none."""
    actor, after = web.actor(), ""
    header = [_("Cloud"), _("Cloud ID"), _("Paid by"), _("Account ID"), _("From (UTC)")]
    yield [*header, _("Until (UTC)"), pgettext("usage", "Cost")]
    while True:
        rows = db.read(partial(_payer_page, actor, account_id, after))
        shown, after = reports.page_of(rows)
        yield from map(_payer_row, shown)
        if not after:
            return


def _payer_page(actor: Any, account_id: str, after: str) -> list[CloudPayer]:
    account = db.find(BillingAccount, account_id, actor)
    if account is None or not reports.may_see_cost(actor, account):
        raise web.Interrupted
    return reports.payers_of(actor, account, after=after)


def _payer_row(row: CloudPayer) -> list[object]:
    until = formats.iso_time(row.until_at) if row.until_at else ""
    amount = "" if row.amount is None else usage_exports.exact_text(row.amount)
    payer = [row.account_name or _("another account"), row.account_id or ""]
    return [
        *(row.cloud_name or "", row.cloud_id),
        *(*payer, formats.iso_time(row.since_at), until, amount),
    ]
