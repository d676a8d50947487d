"""Activity: what was done in the partner's account, filtered, as a file."""

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

ACTIONS = [action for action in audit.TITLES if action not in audit.OF_THE_INSTALLATION]
SEQ_MOST = 2**31 - 1


@blueprint.get("")
def index(account_id: str) -> Any:
    """The lines, newest first; filter and place stand in the URL."""
    access.require(web.actor(), Action.ACCOUNT_SEE, g.partner)
    wanted = _wanted()
    lines = activity.lines_for(g.partner, wanted)
    people = activity.people_in(g.partner)
    if wanted.person and wanted.person not in dict(people):
        named = [(line.actor, audit.actor_name(line.name, line.actor)) for line in lines[:1]]
        people += named or [(wanted.person, wanted.person)]
    return web.page(
        "partner/activity/index.html",
        fragment="list",
        part=web.is_partial(),
        partner=g.partner,
        wanted=wanted,
        url=partial(_url, "index", account_id, wanted),
        export_url=_url("export", account_id, wanted),
        lines=lines[: activity.PAGE],
        next_before=lines[activity.PAGE - 1].seq if len(lines) > activity.PAGE else None,
        people=people,
        actions=[(action, audit.TITLES[action]) for action in ACTIONS],
    )


@blueprint.get("/export")
def export(account_id: str) -> Any:
    """The lines that the filter shows, all of them, as CSV."""
    access.require(web.actor(), Action.ACCOUNT_SEE, g.partner)
    wanted = replace(_wanted(), before=None)
    return web.csv_file("activity", _rows(account_id, wanted))


def _rows(account_id: str, wanted: ActivityFilter) -> Iterator[list[object]]:
    """Read in portions, each in a transaction of its own: a slow reader holds none open."""
    actor = web.actor()
    first = [_("Time (UTC)"), _("Who"), pgettext("column", "E-mail"), _("What")]
    yield [*first, _("Customer"), _("Customer ID"), _("Action"), _("ID")]
    while True:
        lines = db.read(partial(_portion, account_id, wanted, actor))
        for line in lines[: activity.EXPORT_PAGE]:
            yield _row(line)
        if len(lines) <= activity.EXPORT_PAGE:
            return
        wanted = replace(wanted, before=lines[activity.EXPORT_PAGE - 1].seq)


def _portion(account_id: str, wanted: ActivityFilter, actor: Any) -> list[ActivityLine]:
    """Nothing more for whoever lost their role while the file was read."""
    partner = db.find(BillingAccount, account_id, actor)
    if partner is None:
        return []
    return activity.lines_for(partner, wanted, page=activity.EXPORT_PAGE)


def _row(line: ActivityLine) -> list[object]:
    who = (audit.actor_name(line.name, line.actor), line.email or "")
    whose = (line.customer or "", line.customer_id or "")
    when, what = formats.iso_time(line.at), audit.describe(line)
    return [when, *who, what, *whose, line.action, line.thing]


def _wanted() -> ActivityFilter:
    action, before = request.args.get("action", ""), request.args.get("before", "")
    is_number = before.isascii() and before.isdigit() and len(before) <= len(str(SEQ_MOST))
    return ActivityFilter(
        customer=request.args.get("customer", "").strip()[:200],
        person=request.args.get("person", "")[:20],
        action=action if action in ACTIONS else "",
        before=min(int(before), SEQ_MOST) if is_number else None,
    )


def _url(view: str, account_id: str, wanted: ActivityFilter, **changes: Any) -> str:
    """The same filter, from its first page, but for `changes`."""
    kept = {
        "customer": wanted.customer or None,
        "person": wanted.person or None,
        "action": wanted.action or None,
    }
    return url_for(f"partner.activity.{view}", account_id=account_id, **{**kept, **changes})
