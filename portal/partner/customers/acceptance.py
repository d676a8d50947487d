"""*Acceptance*: by week of adding, how many customers answered what."""

from __future__ import annotations

from typing import Any

from flask import g

from portal import web
from portal.domain import customers
from portal.partner.customers.blueprint import blueprint


@blueprint.get("/acceptance")
def acceptance(account_id: str) -> Any:
    """*Acceptance*: by week of adding, how many answered what."""
    weeks = customers.acceptance_by_week(web.actor(), g.partner)
    return web.page(
        "partner/customers/acceptance.html",
        partner=g.partner,
        weeks=weeks,
        most=max(week.added for week in weeks),
    )
