"""Budgets: those of a partner's customers this month, the ones of which most is spent first."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g

from portal import web
from portal.domain import access, budgets
from portal.domain.actions import Action

blueprint = Blueprint("budgets", __name__, url_prefix="/<id:account_id>/budgets")
LISTED = 100


@blueprint.get("")
def index(account_id: str) -> Any:
    """List the budgets of customers, which count prices: all staff see them."""
    access.require(web.actor(), Action.ACCOUNT_SEE, g.partner)
    rows = budgets.most_spent(g.partner, limit=LISTED + 1)
    return web.page(
        "partner/budgets/index.html",
        partner=g.partner,
        rows=rows[:LISTED],
        has_more=len(rows) > LISTED,
    )
