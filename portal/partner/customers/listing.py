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
    filter_of,
    list_url,
    manager_choices,
    parameters,
)


@blueprint.get("")
def index(account_id: str) -> Any:
    """The list; search, status and place stand in the URL."""
    actor, partner, wanted = web.actor(), g.partner, filter_of(request.args)
    rows = customers.page_for(actor, partner, wanted)
    counts = customers.counts_for(actor, partner, manager=wanted.manager)
    return web.page(
        "partner/customers/index.html",
        fragment="list",
        partner=partner,
        wanted=wanted,
        url=partial(list_url, account_id, wanted),
        export_url=list_url(account_id, wanted, "export"),
        kept=parameters(wanted),
        part=web.is_partial(),
        **saved_views.bar(account_id, wanted),
        rows=rows[: customers.PAGE],
        follow_url=changes_url(rows[: customers.PAGE], wanted),
        next_after=rows[customers.PAGE - 1].id if len(rows) > customers.PAGE else None,
        counts=counts,
        steps=first_steps.above_list(wanted, counts.total),
        managers=manager_choices(),
        statuses=list(Status),
        may_add=access.may(actor, Action.CUSTOMER_ADD, partner),
        may_switch=access.may(actor, Action.ACCOUNT_SWITCH_TO_PAID, partner),
    )
