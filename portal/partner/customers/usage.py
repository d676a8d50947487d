"""*Usage* of a customer: quantities by service and unit, without amounts."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import request, url_for

from portal import web
from portal.domain import reports
from portal.partner.customers.blueprint import blueprint, find
from portal.partner.customers.summary import summary
from portal.web import usage_exports
from portal.web.months import shown_month


@blueprint.get("/<id:customer_id>/usage")
def usage(account_id: str, customer_id: str) -> Any:
    """Show what the customer used in a month."""
    customer = find(customer_id)
    months = shown_month(reports.first_used_month(customer.subaccount_id))
    here: dict[str, Any] = {"account_id": account_id, "customer_id": customer_id}
    return web.page(
        "partner/customers/usage.html",
        **summary(customer),
        months=months,
        quantities=reports.quantities_of(customer.subaccount_id, months.shown),
        url=partial(url_for, ".usage", **here),
        export_url=partial(url_for, ".export_usage", **here, month=f"{months.shown:%Y-%m}"),
    )


@blueprint.get("/<id:customer_id>/usage/export")
def export_usage(account_id: str, customer_id: str) -> Any:
    """Download what the page shows, as CSV or spreadsheet."""
    subaccount_id = find(customer_id).subaccount_id
    month = shown_month(reports.first_used_month(subaccount_id)).shown
    kind = request.args.get("format", "csv")
    return usage_exports.quantities_file(f"usage-{month:%Y-%m}", subaccount_id, month, kind)
