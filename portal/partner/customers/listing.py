"""The list of customers, searched and filtered."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import g, request

from portal import web
from portal.domain import access, customers
from portal.domain.actions import Action
from portal.domain.customers import Status
from portal.partner.customers import first_steps, saved_views
from portal.partner.customers.blueprint import blueprint
from portal.partner.customers.filters import (
    changes_url,
    filter_parameters,
    list_url,
    manager_choices,
    parse_filter,
)


@blueprint.get("")
def index(account_id: str) -> Any:
    """Show a page of the list; the URL holds the search, the filter and the position."""
    actor, partner, filter_ = web.actor(), g.partner, parse_filter(request.args)
    rows = customers.page_for(actor, partner, filter_)
    counts = customers.counts_for(actor, partner, manager=filter_.manager)
    return web.page(
        "partner/customers/index.html",
        fragment="list",
        partner=partner,
        filter_=filter_,
        url=partial(list_url, account_id, filter_),
        export_url=list_url(account_id, filter_, "export"),
        filter_parameters=filter_parameters(filter_),
        is_partial=web.is_partial(),
        **saved_views.tabs_above_list(account_id, filter_),
        rows=rows[: customers.PAGE],
        changes_url=changes_url(rows[: customers.PAGE], filter_),
        next_after=rows[customers.PAGE - 1].id if len(rows) > customers.PAGE else None,
        counts=counts,
        steps=first_steps.steps_above_list(filter_, counts.total),
        managers=manager_choices(),
        statuses=list(Status),
        may_add=access.may(actor, Action.CUSTOMER_ADD, partner),
        may_switch=access.may(actor, Action.ACCOUNT_SWITCH_TO_PAID, partner),
    )
