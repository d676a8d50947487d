"""Customers: the list, a customer's page, and what can be done to one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint, abort, g, redirect, request, url_for
from flask_babel import gettext as _

from portal import config, db, web
from portal.domain import access, customers, values
from portal.domain import clouds as domain_clouds
from portal.domain.actions import Action
from portal.domain.customers import Customer, Filter, Manager, Status

blueprint = Blueprint("customers", __name__, url_prefix="/<id:account_id>/customers")


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
        follow_url=live_updates.list_url(rows[: customers.PAGE], wanted),
        next_after=rows[customers.PAGE - 1].id if len(rows) > customers.PAGE else None,
        counts=counts,
        steps=first_steps.above_list(wanted, counts.total),
        managers=_managers(),
        statuses=list(Status),
        may_add=access.may(actor, Action.CUSTOMER_ADD, partner),
        may_switch=access.may(actor, Action.ACCOUNT_SWITCH_TO_PAID, partner),
    )


def filter_of(given: Mapping[str, str]) -> Filter:
    """The filter that a URL's parameters ask for; what is none of them is passed over."""
    status, days = given.get("status", ""), given.get("waiting", "")
    return Filter(
        search=given.get("q", "").strip()[:200],
        status=Status(status) if status in set(Status) else None,
        manager=given.get("manager", "")[:20],
        waiting_days=int(days) if re.fullmatch("[0-9]{1,4}", days) else None,
        oldest_first=given.get("sort") == "oldest",
        after=given.get("after", "")[:20],
    )


def _managers() -> dict[str, str]:
    """What the list can be filtered by: values of the URL, and what people read."""
    found = {"": _("anybody"), customers.ME: _("me"), customers.NOBODY: _("nobody")}
    return found | {one.id: manager_label(one) for one in customers.managers_of(g.partner)}


def manager_label(manager: Manager) -> str:
    """The name, and that they left where they did."""
    if manager.is_staff:
        return manager.name
    return str(_("%(name)s (no longer on the staff)", name=manager.name))


def parameters(wanted: Filter) -> dict[str, str]:
    """A filter as its URL has it, from the first page on: what `filter_of` reads."""
    kept = {
        "q": wanted.search,
        "status": wanted.status or "",
        "manager": wanted.manager,
        "waiting": "" if wanted.waiting_days is None else str(wanted.waiting_days),
        "sort": "oldest" if wanted.oldest_first else "",
    }
    return {name: value for name, value in kept.items() if value}


def list_url(account_id: str, wanted: Filter, view: str = "index", **changes: Any) -> str:
    """The list, or a view of the same customers, with the same filter but for `changes`."""
    shown = {**parameters(wanted), **changes}
    return url_for(f"partner.customers.{view}", account_id=account_id, **shown)


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


@blueprint.get("/<id:customer_id>")
def show(account_id: str, customer_id: str) -> Any:
    """*Overview*: record, subaccount, default cloud and folder, invitation with its delivery."""
    template = "invitation" if web.is_partial() else "show"
    return web.page(f"partner/customers/{template}.html", **overview(find(customer_id)))


def overview(record: Customer) -> dict[str, Any]:
    """What *Overview* shows."""
    ident, manager = record.default_cloud_id, customers.manager_of(record)
    default_cloud, folder = domain_clouds.default_folder(ident) if ident else (None, None)
    link = web.external(url_for("invites.show", ident=record.subaccount_id))
    return live_updates.standing(record) | {
        "cloud": default_cloud,
        "folder": folder,
        "copied": customers.last_link_copy(record),
        "manager": manager_label(manager) if manager else "",
        "link": link,
        "letter": _letter(record, link) if record.status is Status.WAITING else None,
        "phone": records.displayed(record.phone, record.country),
    }


@blueprint.post("/<id:customer_id>/copy-link")
def copy_link(account_id: str, customer_id: str) -> Any:
    """*Copy confirmation link*: the browser copies; that it was done is kept."""
    find(customer_id)
    if not web.Form().validate():
        abort(422)
    actor = web.actor()
    db.write(lambda: customers.copy_link(db.session.get_one(Customer, customer_id), by=actor))
    return redirect(url_for(".show", account_id=account_id, customer_id=customer_id), 303)


@blueprint.get("/<id:customer_id>/history")
def history(account_id: str, customer_id: str) -> Any:
    """*History*: what was done, by whom, newest first."""
    record = find(customer_id)
    return web.page(
        "partner/customers/history.html",
        **live_updates.standing(record),
        lines=customers.history_of(record),
    )


MENU = (
    # (endpoint, the role table's action, in these states, is it damage)
    ("edit", Action.CUSTOMER_EDIT, (Status.WAITING, Status.ACTIVE, Status.SUSPENDED), False),
    ("correct_address", Action.CUSTOMER_EDIT, (Status.WAITING,), False),
    ("suspend", Action.CUSTOMER_SUSPEND, (Status.ACTIVE,), True),
    ("resume", Action.CUSTOMER_RESUME, (Status.SUSPENDED,), False),
    ("remove", Action.CUSTOMER_REMOVE, (Status.WAITING,), True),
    ("end_partnership", Action.PARTNERSHIP_END, (Status.ACTIVE, Status.SUSPENDED), True),
)


def menu_for(record: Customer) -> list[tuple[str, bool]]:
    """What the signed-in person may do to the customer now: endpoints, and whether it is damage."""
    actor = web.actor()
    possible = [row for row in MENU if record.status in row[2]]
    return [row[::3] for row in possible if access.may(actor, row[1], g.partner)]


def _letter(record: Customer, link: str) -> str:
    """A mailto: address (RFC 6068); the portal itself never mails an invitation twice."""
    product = config.current().product_name
    text = _(
        "Hello,\n\nplease confirm that you want to work with %(partner)s in %(product)s. Open this "
        "link, sign in as %(email)s, and answer there:\n\n%(link)s\n\nOpening the link changes "
        "nothing.\n",
        partner=g.partner.name,
        product=product,
        email=record.invitation_email,
        link=link,
    )
    subject = _(
        "Confirm your willingness to work with the integrator in %(product)s", product=product
    )
    fields = urlencode({"subject": subject, "body": text.replace("\n", "\r\n")}, quote_via=quote)
    return f"mailto:{quote(values.email(record.invitation_email).wire, safe='@')}?{fields}"


def find(customer_id: str) -> Customer:
    """The customer under this partner's URL, or 404."""
    record = web.find_or_404(Customer, customer_id)
    web.same_or_404(record.partner_id, g.partner.id)
    return record


from portal.partner.customers import (
    clouds,
    export,
    field_validation,
    first_steps,
    imports,
    live_updates,
    notes,
    records,
    saved_views,
    states,
)
