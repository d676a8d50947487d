"""*Acceptance*: how many of the customers added in a week confirmed, declined or wait."""

from __future__ import annotations

from typing import Any

from flask import g

from portal import web
from portal.domain import customers
from portal.partner.customers.blueprint import blueprint


@blueprint.get("/acceptance")
def acceptance(account_id: str) -> Any:
    """Show the chart and its table."""
    weeks = customers.acceptance_by_week(web.actor(), g.partner)
    return web.page(
        "partner/customers/acceptance.html",
        partner=g.partner,
        weeks=weeks,
        max_added=max(week.added for week in weeks),
    )
