"""*Usage* of a billing account in the console: cost or quantities; who paid for clouds as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any

from flask import Blueprint, url_for
from flask_babel import gettext as _
from flask_babel import pgettext

from portal import db, web
from portal.console.budget import budget_of
from portal.domain import policy, reports
from portal.domain.accounts import BillingAccount
from portal.domain.reports import CloudPayer
from portal.domain.totals import By
from portal.i18n import formats
from portal.web import usage_pages
from portal.wording import labels
from portal.wording.usage import exact_text

blueprint = Blueprint("usage", __name__, url_prefix="/billing/<id:account_id>/usage")


@blueprint.get("")
def show(account_id: str) -> Any:
    """Show a month: to who may see it the cost, to others the quantities."""
    account = web.find_or_404(BillingAccount, account_id)
    shown = usage_pages.shown(account, has_prices=True)
    return usage_pages.usage_page(
        "console/billing/usage.html",
        shown,
        export=".export",
        links=_links,
        account=account,
        sees_price=shown.figures.price,
        **budget_of(account),
    )


@blueprint.get("/export")
def export(account_id: str) -> Any:
    """Download what the page shows: as CSV, spreadsheet, or FOCUS 1.4."""
    account = web.find_or_404(BillingAccount, account_id)
    return usage_pages.usage_file(usage_pages.shown(account, has_prices=True))


def _links(by: By, keys: set[str]) -> dict[str, str]:
    if by is not By.CUSTOMER:
        return {}
    return {key: url_for("console.billing.show", account_id=key) for key in keys}


@blueprint.get("/payers")
def payers(account_id: str) -> Any:
    """Download who paid for each cloud from when to when, and what it cost."""
    reports.figures_for(web.actor(), web.find_or_404(BillingAccount, account_id))
    return web.csv_file("payers", _payer_rows(account_id))


def _payer_rows(account_id: str) -> Iterator[list[object]]:
    """A header and the rows. Each page has its own transaction: a slow client holds none."""
    actor, after = web.actor(), ""
    header = [_("Cloud"), _("Cloud ID"), _("Paid by"), _("Account ID"), _("From (UTC)")]
    yield [*header, _("Until (UTC)"), f"{pgettext('usage', 'Cost')} ({policy.current().currency})"]
    while True:
        rows = db.read(partial(_payer_page, actor, account_id, after))
        shown, after = reports.page_of(rows)
        yield from map(_payer_row, shown)
        if not after:
            return


def _payer_page(actor: Any, account_id: str, after: str) -> list[CloudPayer]:
    account = db.find(BillingAccount, account_id, actor)
    if account is None:
        raise web.Interrupted
    return reports.payers_of(actor, account, after=after)


def _payer_row(row: CloudPayer) -> list[object]:
    until = formats.iso_time(row.until_at) if row.until_at else ""
    amount = "" if row.amount is None else Decimal(exact_text(row.amount))
    payer = [labels.payer(row.account_name, row.partner_name), row.account_id or ""]
    return [
        *(row.cloud_name or "", row.cloud_id),
        *(*payer, formats.iso_time(row.since_at), until, amount),
    ]
