"""Live updates: the open list, and an open page of a customer, show what others change."""

from __future__ import annotations

import re
from typing import Any

from flask import g, request
from flask_babel import gettext as _
from flask_babel import ngettext

from portal import web
from portal.domain import customers
from portal.domain.customers import Customer, Status
from portal.partner.customers import listing, overview
from portal.partner.customers.blueprint import blueprint, find
from portal.partner.customers.filters import STATUSES, changes_url, parse_filter
from portal.partner.customers.summary import summary


@blueprint.get("/changes")
def changes(account_id: str) -> Any:
    """Render the rows of an open list whose status has changed; 204 without any."""
    if not web.is_partial():
        return listing.index(account_id)
    shown = _parse_shown()
    rows = customers.rows_of(web.actor(), g.partner, list(shown))
    changed = [row for row in rows if row.status is not shown[row.id]]
    if not changed:
        return "", 204
    filter_ = parse_filter(request.args)
    return web.page(
        "partner/customers/changes.html",
        filter_=filter_,
        rows=changed,
        matching_count=sum(map(filter_.matches_status, rows)),
        counts=customers.counts_for(web.actor(), g.partner, manager=filter_.manager),
        statuses=STATUSES,
        changes_url=changes_url(rows, filter_),
        announcement=_announcement(changed[0].name, changed[0].status, len(changed)),
    )


def _parse_shown() -> dict[str, Status]:
    """Return the IDs of the rows of the open list, each with the status that it shows."""
    pairs = re.findall(r"([0-9a-z]{20})-([0-3])", request.args.get("shown", ""))[: customers.PAGE]
    return {row_id: STATUSES[int(index)] for row_id, index in pairs}


def _announcement(name: str, status: Status, count: int = 1) -> str:
    if count == 1:
        return str(_("%(name)s is %(status)s now.", name=name, status=status))
    return str(ngettext("%(num)s customer changed.", "%(num)s customers changed.", count))


@blueprint.get("/<id:customer_id>/now")
def now(account_id: str, customer_id: str) -> Any:
    """Render an open page of this customer again; 204 where nothing has changed."""
    customer, shown_stamp = find(customer_id), request.args.get("seen", "")
    if not web.is_partial():
        return overview.show(account_id, customer_id)
    summary_ = summary(customer)
    if shown_stamp == summary_["stamp"]:
        return "", 204
    return web.page(
        "partner/customers/now.html",
        tab=request.args.get("tab", ""),
        oob=True,
        announcement=_announcement_of(customer, shown_stamp, summary_["stamp"]),
        **overview.overview(customer),
    )


def _announcement_of(customer: Customer, shown_stamp: str, stamp: str) -> str:
    (status, ends_on, *_mail), (new_status, new_ends_on, *_new_mail) = (
        [*text.split("."), "", ""] for text in (shown_stamp, stamp)
    )
    if status != new_status:
        return _announcement(customer.name, customer.status)
    if ends_on != new_ends_on:
        return str(_("Notice was given or withdrawn."))
    return str(_("The email’s state has changed."))
