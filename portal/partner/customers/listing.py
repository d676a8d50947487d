"""The list of customers, searched and filtered."""

from __future__ import annotations

from typing import Any

from flask import g, request

from portal import web
from portal.domain import access, customers
from portal.domain.actions import Action
from portal.partner.customers import first_steps, saved_views
from portal.partner.customers.blueprint import blueprint
from portal.partner.customers.filters import (
    changes_url,
    context_of_filter,
    parse_filter,
)

MAY = {
    "may_add": Action.CUSTOMER_ADD,
    "may_switch": Action.ACCOUNT_SWITCH_TO_PAID,
    "may_see_money": Action.ACCOUNT_SEE_MONEY,
}


@blueprint.get("")
def index(account_id: str) -> Any:
    """Show a page of the list; the URL holds the search, the filter and the position."""
    actor, partner, filter_ = web.actor(), g.partner, parse_filter(request.args)
    rows, next_after = web.paginate(customers.page_for(actor, partner, filter_), customers.PAGE)
    counts = customers.counts_for(actor, partner, manager=filter_.manager)
    return web.page(
        "partner/customers/index.html",
        fragment="list",
        partner=partner,
        is_partial=web.is_partial(),
        **context_of_filter(account_id, filter_),
        **saved_views.tabs_above_list(account_id, filter_),
        rows=rows,
        changes_url=changes_url(rows, filter_),
        next_after=next_after,
        counts=counts,
        steps=first_steps.steps_above_list(filter_, counts.total),
        **{name: access.may(actor, action, partner) for name, action in MAY.items()},
    )
