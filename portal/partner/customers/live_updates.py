"""Follows what others do: rows of the list and a customer's page change while they are open."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from flask import g, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from portal import db, web
from portal.domain import access, customers, invitations
from portal.domain.actions import Action
from portal.domain.customers import Customer, CustomerRow, Filter, Status
from portal.domain.outbox import OPEN_STATES, Delivery, OutboxEntry
from portal.partner.customers import (
    blueprint,
    filter_of,
    find,
    index,
    menu_for,
    overview,
    parameters,
    show,
)

STATUSES = list(Status)
MOVING, WAITING, AT_REST = 2, 5, 15  # seconds until a page asks again
LONG = timedelta(days=7)
"""So long a customer may take to answer; the list's filter begins with it, too."""


def list_url(rows: Iterable[CustomerRow], wanted: Filter) -> str:
    """Where the list asks what has become of its rows, each named with the status that it shows;
    empty where none of them waits."""
    shown = {row.id: row.status for row in rows}
    if Status.WAITING not in shown.values():
        return ""
    named = ".".join(f"{ident}-{STATUSES.index(status)}" for ident, status in shown.items())
    asked = {"account_id": g.partner.id, **parameters(wanted), "shown": named, "poll": 1}
    return url_for("partner.customers.changes", **asked)


@blueprint.get("/changes")
def changes(account_id: str) -> Any:
    """The rows of an open list whose status is another now; nothing where there is none."""
    if not web.is_partial():
        return index(account_id)
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
        follow_url=list_url(rows, wanted),
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


def standing(record: Customer) -> dict[str, Any]:
    """What the head of a customer's page shows, and when that page asks again."""
    delivery = invitations.delivery_of(record.subaccount_id)
    answer = invitations.answer_of(record.subaccount_id)
    is_moving = bool(delivery and delivery.state in OPEN_STATES and not answer[0])
    asks_every = AT_REST if record.status is not Status.WAITING else WAITING
    if is_moving or record.status is Status.INACTIVE:
        asks_every = MOVING if is_moving else 0
    mail = (delivery.state, delivery.tries) if delivery else ()
    ending = customers.ending_of(record) if record.status is Status.INACTIVE else None
    return {
        "partner": g.partner,
        "customer": record,
        "menu": menu_for(record),
        "delivery": delivery,
        "answer": answer,
        "fate": _fate(record, delivery),
        "waited": (db.now() - record.created_at).days,
        "ending": ending,
        "may_ask_again": ending is not None and _may_ask_again(record, ending.action),
        "seen": ".".join(map(str, (STATUSES.index(record.status), *mail))),
        "asks_every": asks_every,
    }


def _fate(record: Customer, delivery: OutboxEntry | None) -> str:
    """What became of the mail, as far as the partner's next step depends on it."""
    if delivery and delivery.state in OPEN_STATES:
        return "retried" if delivery.answer else "queued"
    if delivery and delivery.state is not Delivery.SENT:
        return delivery.state
    return "late" if db.now() - record.created_at >= LONG else "sent"


def _may_ask_again(record: Customer, ending: str) -> bool:
    """Whom an address was corrected for was asked again; of whom was erased nothing is left."""
    is_open = ending != Action.CUSTOMER_CORRECT_ADDRESS and bool(record.invitation_email)
    return is_open and access.may(web.actor(), Action.CUSTOMER_ADD, g.partner)


@blueprint.get("/<id:customer_id>/now")
def now(account_id: str, customer_id: str) -> Any:
    """An open page of this customer as it would be now; nothing where it is that already."""
    record, seen = find(customer_id), request.args.get("seen", "")
    if not web.is_partial():
        return show(account_id, customer_id)
    facts = standing(record)
    if seen == facts["seen"]:
        return "", 204
    is_moved = seen[:1] != facts["seen"][:1]
    return web.page(
        "partner/customers/now.html",
        tab=request.args.get("tab", ""),
        oob=True,
        news=_news(record.name, record.status) if is_moved else _("The email’s state has changed."),
        **overview(record),
    )
