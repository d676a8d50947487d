"""*First steps*: a checklist for new partners, above the list of customers until all is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, abort, g, redirect, request, url_for

from portal import db, web
from portal.domain import access, customers, first_steps
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.customers import Filter
from portal.domain.first_steps import FirstSteps, Step
from portal.partner.customers.blueprint import blueprint


def steps_above_list(filter_: Filter, total: int) -> FirstSteps | None:
    """Return the checklist to show above the list; None where it is done, the list is filtered, or
    longer than a page, whose partner is not new: a long list costs no further query."""
    if filter_ != Filter() or total > customers.PAGE:
        return None
    steps = first_steps.first_steps(g.partner, actor=web.actor())
    return steps if steps.next else None


@blueprint.get("/first-steps")
def first_steps_page(account_id: str) -> Any:
    """Show the checklist, hidden or not; answer a poll 204 while nothing has changed."""
    actor, partner = web.actor(), g.partner
    steps = first_steps.first_steps(partner, actor=actor)
    shown_stamp = request.args.get("seen", "")
    if web.is_partial() and shown_stamp == steps.stamp:
        return "", 204
    if web.is_partial() and Step.PAID in steps.done and Step.PAID not in shown_stamp.split("-"):
        return Response(headers={"HX-Refresh": "true"})  # the head now has *Add customer*
    return web.page(
        "partner/customers/first_steps.html",
        fragment="steps",
        partner=partner,
        steps=steps,
        may_add=access.may(actor, Action.CUSTOMER_ADD, partner),
        may_switch=access.may(actor, Action.ACCOUNT_SWITCH_TO_PAID, partner),
        may_see_money=access.may(actor, Action.ACCOUNT_SEE_MONEY, partner),
    )


@blueprint.post("/first-steps/hide")
def hide_first_steps(account_id: str) -> Any:
    """*Hide* the checklist, for the signed-in user alone."""
    return _set_visibility(account_id, first_steps.hide)


@blueprint.post("/first-steps/show")
def show_first_steps(account_id: str) -> Any:
    """*Show above the customers* again."""
    return _set_visibility(account_id, first_steps.show)


def _set_visibility(account_id: str, verb: Callable[..., None]) -> Any:
    if not web.Form().validate():
        abort(422)
    db.write(lambda: verb(db.session.get_one(BillingAccount, account_id), by=web.actor()))
    return redirect(url_for(".index", account_id=account_id), 303)
