"""Usage: what a partner's customers cost this month and the eleven before; files of it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, url_for

from portal.domain import reports
from portal.domain.totals import By
from portal.web import usage_pages

blueprint = Blueprint("usage", __name__, url_prefix="/<id:account_id>/usage")


@blueprint.get("")
def index(account_id: str) -> Any:
    """Show a month: to who may see it the cost, to others the quantities."""
    shown = _shown()
    return usage_pages.usage_page(
        "partner/usage/index.html", shown, export=".export", links=_links, partner=g.partner
    )


@blueprint.get("/export")
def export(account_id: str) -> Any:
    """Download what the page shows: as CSV, spreadsheet, or FOCUS 1.4."""
    return usage_pages.usage_file(_shown())


def _shown() -> usage_pages.Shown:
    return usage_pages.shown(g.partner)


def _links(by: By, keys: set[str]) -> dict[str, str]:
    if by is not By.CUSTOMER:
        return {}
    here = {"account_id": g.partner.id}
    return {
        key: url_for("partner.customers.usage", **here, customer_id=customer_id)
        for key, customer_id in reports.customers_of(keys).items()
    }
