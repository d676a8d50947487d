"""Activity: the audit log of a partner account, filtered; CSV export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from flask import Blueprint, g, request, url_for
from flask_babel import gettext as _
from flask_babel import pgettext

from portal import db, web
from portal.domain import access, activity
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.activity import ActivityFilter, ActivityLine
from portal.i18n import formats
from portal.wording import audit

blueprint = Blueprint("activity", __name__, url_prefix="/<id:account_id>/activity")

ACTIONS = [action for action in audit.TITLES if action not in audit.INSTALLATION_ACTIONS]
MAX_SEQ = 2**31 - 1


@blueprint.get("")
def index(account_id: str) -> Any:
    """Show the lines, newest first; the URL holds the filter and the position."""
    access.require(web.actor(), Action.ACCOUNT_SEE, g.partner)
    filter_ = _parse_filter()
    lines = activity.lines_for(g.partner, filter_)
    shown, next_before = web.paginate(lines, activity.PAGE, cursor=lambda line: line.seq)
    return web.page(
        "partner/activity/index.html",
        fragment="list",
        is_partial=web.is_partial(),
        partner=g.partner,
        filter_=filter_,
        url=partial(_url, "index", account_id, filter_),
        export_url=_url("export", account_id, filter_),
        lines=shown,
        next_before=next_before,
        people=_people(filter_, lines),
        actions=[(action, audit.TITLES[action]) for action in ACTIONS],
    )


def _people(filter_: ActivityFilter, lines: list[ActivityLine]) -> list[tuple[str, str]]:
    """Return the people to filter by: IDs with names; also the one in the URL."""
    people = activity.people_in(g.partner)
    if filter_.person and filter_.person not in dict(people):
        names = [audit.actor_name(line.name, line.actor) for line in lines[:1]]
        people = [*people, (filter_.person, names[0] if names else filter_.person)]
    return people


@blueprint.get("/export")
def export(account_id: str) -> Any:
    """Download all lines that the filter matches as CSV."""
    access.require(web.actor(), Action.ACCOUNT_SEE, g.partner)
    filter_ = replace(_parse_filter(), before=None)
    return web.csv_file("activity", _csv_rows(account_id, filter_))


def _csv_rows(account_id: str, filter_: ActivityFilter) -> Iterator[list[object]]:
    """Yield a header and the rows. Each page has its own transaction: a slow client holds none."""
    actor = web.actor()
    header = [_("Time (UTC)"), _("Who"), pgettext("column", "E-mail"), _("What")]
    yield [*header, _("Customer"), _("Customer ID"), _("Action"), _("ID")]
    while True:
        lines = db.read(partial(_read_page, account_id, filter_, actor))
        shown, before = web.paginate(lines, activity.EXPORT_PAGE, cursor=lambda line: line.seq)
        yield from (_csv_row(line) for line in shown)
        if before is None:
            return
        filter_ = replace(filter_, before=before)


def _read_page(account_id: str, filter_: ActivityFilter, actor: Any) -> list[ActivityLine]:
    """Read a page of lines. Raises Interrupted once the actor has lost the role on the account."""
    partner = db.find(BillingAccount, account_id, actor)
    if partner is None:
        raise web.Interrupted
    return activity.lines_for(partner, filter_, page_size=activity.EXPORT_PAGE)


def _csv_row(line: ActivityLine) -> list[object]:
    person = [audit.actor_name(line.name, line.actor), line.email or ""]
    customer = [line.customer or "", line.customer_id or ""]
    time, description = formats.iso_time(line.at), audit.describe(line)
    return [time, *person, description, *customer, line.action, line.thing]


def _parse_filter() -> ActivityFilter:
    action, before = request.args.get("action", ""), request.args.get("before", "")
    is_number = before.isascii() and before.isdigit() and len(before) <= len(str(MAX_SEQ))
    return ActivityFilter(
        customer=request.args.get("customer", "").strip()[:200],
        person=request.args.get("person", "")[:20],
        action=action if action in ACTIONS else "",
        before=min(int(before), MAX_SEQ) if is_number else None,
    )


def _url(view: str, account_id: str, filter_: ActivityFilter, **changes: Any) -> str:
    """Return the URL of `view` with this filter, at its first page, with `changes`."""
    parameters = {
        "customer": filter_.customer or None,
        "person": filter_.person or None,
        "action": filter_.action or None,
    }
    return url_for(f"partner.activity.{view}", account_id=account_id, **{**parameters, **changes})
