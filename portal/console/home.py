"""The console's homepage, on the blueprint of the management console."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for

from portal import web
from portal.domain import accounts, clouds, customers, invitations

blueprint = Blueprint("console", __name__, url_prefix="/console")
web.gate(blueprint, web.require_sign_in)


@blueprint.get("")
def home() -> Any:
    """*Home*: open invitations on top, subaccounts as cards, one's other clouds."""
    actor = web.actor()
    search, after = request.args.get("q", "").strip()[:200], request.args.get("after", "")[:20]
    clouds_after = request.args.get("clouds_after", "")[:20]
    shown = {"q": search or None, "after": after or None, "clouds_after": clouds_after or None}
    waiting = invitations.open_for(actor)
    cards = customers.subaccount_cards(actor, search=search, after=after)
    others = clouds.other_clouds_for(actor, after=clouds_after)
    return web.page(
        "console/home.html",
        fragment="list",
        invitations=customers.subaccount_cards(
            actor, only=[asked.subaccount_id for asked in waiting]
        ),
        cards=cards[: accounts.PAGE],
        next_after=cards[accounts.PAGE - 1].account.id if len(cards) > accounts.PAGE else None,
        search=search,
        after=after,
        clouds_after=clouds_after,
        url=lambda **changes: url_for("console.home", **{**shown, **changes}),
        others=others[: clouds.PAGE],
        next_cloud=others[clouds.PAGE - 1].id if len(others) > clouds.PAGE else None,
        may_create=bool(accounts.accounts_to_pay_from(actor)),
        staffed=[partner.id for partner in accounts.partner_accounts_of(actor)],
    )
