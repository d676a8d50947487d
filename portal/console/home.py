"""The homepage of the management console, and the console's blueprint."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for

from portal import web
from portal.domain import accounts, clouds, customers, invitations

blueprint = Blueprint("console", __name__, url_prefix="/console")
web.gate(blueprint, web.require_sign_in)


@blueprint.get("")
def home() -> Any:
    """*Home*: open invitations, subaccounts as cards, and the user's other clouds."""
    actor = web.actor()
    search, after = request.args.get("q", "").strip()[:200], request.args.get("after", "")[:20]
    clouds_after = request.args.get("clouds_after", "")[:20]
    query = {"q": search or None, "after": after or None, "clouds_after": clouds_after or None}
    open_invitations = invitations.open_for(actor)
    cards = customers.subaccount_cards(actor, search=search, after=after)
    other_clouds = clouds.other_clouds_for(actor, after=clouds_after)
    return web.page(
        "console/home.html",
        fragment="list",
        invitations=customers.subaccount_cards(
            actor, only=[invitation.subaccount_id for invitation in open_invitations]
        ),
        cards=cards[: accounts.PAGE],
        next_after=cards[accounts.PAGE - 1].account.id if len(cards) > accounts.PAGE else None,
        search=search,
        after=after,
        clouds_after=clouds_after,
        url=lambda **changes: url_for("console.home", **{**query, **changes}),
        other_clouds=other_clouds[: clouds.PAGE],
        next_clouds_after=other_clouds[clouds.PAGE - 1].id
        if len(other_clouds) > clouds.PAGE
        else None,
        may_create=bool(accounts.accounts_to_pay_from(actor)),
        staffed_partner_ids=[partner.id for partner in accounts.partner_accounts_of(actor)],
    )
