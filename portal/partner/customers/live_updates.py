"""Follows what others do: rows of the list and a customer's page change while they are open."""

from __future__ import annotations

import re
from typing import Any

from flask import g, request
from flask_babel import gettext as _
from flask_babel import ngettext

from portal import web
from portal.domain import customers
from portal.domain.customers import Status
from portal.partner.customers import listing, overview
from portal.partner.customers.blueprint import blueprint, find
from portal.partner.customers.filters import STATUSES, changes_url, filter_of
from portal.partner.customers.summary import summary


@blueprint.get("/changes")
def changes(account_id: str) -> Any:
    """The rows of an open list whose status is another now; nothing where there is none."""
    if not web.is_partial():
        return listing.index(account_id)
    shown = _shown()
    rows = customers.rows_of(web.actor(), g.partner, list(shown))
    changed = [row for row in rows if row.status is not shown[row.id]]
    if not changed:
        return "", 204
    wanted = filter_of(request.args)
    return web.page(
        "partner/customers/changes.html",
        wanted=wanted,
        rows=changed,
        left=sum(map(wanted.keeps, rows)),
        counts=customers.counts_for(web.actor(), g.partner, manager=wanted.manager),
        statuses=STATUSES,
        follow_url=changes_url(rows, wanted),
        news=_news(changed[0].name, changed[0].status, len(changed)),
    )


def _shown() -> dict[str, Status]:
    """The rows of the open list, and the status that each of them shows."""
    named = re.findall(r"([0-9a-z]{20})-([0-3])", request.args.get("shown", ""))[: customers.PAGE]
    return {ident: STATUSES[int(place)] for ident, place in named}


def _news(name: str, status: Status, count: int = 1) -> str:
    if count == 1:
        return str(_("%(name)s is %(status)s now.", name=name, status=status))
    return str(ngettext("%(num)s customer changed.", "%(num)s customers changed.", count))


@blueprint.get("/<id:customer_id>/now")
def now(account_id: str, customer_id: str) -> Any:
    """An open page of this customer as it would be now; nothing where it is that already."""
    record, seen = find(customer_id), request.args.get("seen", "")
    if not web.is_partial():
        return overview.show(account_id, customer_id)
    facts = summary(record)
    if seen == facts["seen"]:
        return "", 204
    is_moved = seen[:1] != facts["seen"][:1]
    return web.page(
        "partner/customers/now.html",
        tab=request.args.get("tab", ""),
        oob=True,
        news=_news(record.name, record.status) if is_moved else _("The email’s state has changed."),
        **overview.overview(record),
    )
