"""*Usage* of a customer: to who may see it what its clouds cost, to others quantities."""

from __future__ import annotations

from typing import Any

from portal import web
from portal.domain.accounts import BillingAccount
from portal.domain.customers import Customer
from portal.partner.customers.blueprint import blueprint, find
from portal.partner.customers.budget import budget_of
from portal.partner.customers.summary import summary
from portal.web import usage_pages


@blueprint.get("/<id:customer_id>/usage")
def usage(account_id: str, customer_id: str) -> Any:
    """Show a month of the customer's subaccount."""
    customer = find(customer_id)
    return usage_pages.usage_page(
        "partner/customers/usage.html",
        _shown(customer),
        export=".export_usage",
        **summary(customer),
        **budget_of(customer),
    )


@blueprint.get("/<id:customer_id>/usage/export")
def export_usage(account_id: str, customer_id: str) -> Any:
    """Download what the page shows: as CSV, spreadsheet, or FOCUS 1.4."""
    return usage_pages.usage_file(_shown(find(customer_id)))


def _shown(customer: Customer) -> usage_pages.Shown:
    return usage_pages.shown(web.find_or_404(BillingAccount, customer.subaccount_id))
