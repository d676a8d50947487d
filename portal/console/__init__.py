"""The management console: home, billing, clouds and who has access to them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for

from portal import web
from portal.domain import account, cloud, customer, invitation

blueprint = Blueprint("console", __name__, url_prefix="/console")
web.gate(blueprint, web.require_sign_in)


@blueprint.get("")
def home() -> Any:
    """*Home*: open invitations on top, subaccounts as cards, one's other clouds."""
    actor = web.actor()
    search, after = request.args.get("q", "").strip()[:200], request.args.get("after", "")[:20]
    clouds_after = request.args.get("clouds_after", "")[:20]
    shown = {"q": search or None, "after": after or None, "clouds_after": clouds_after or None}
    waiting = invitation.open_for(actor)
    cards = customer.subaccount_cards(actor, search=search, after=after)
    others = cloud.other_clouds_for(actor, after=clouds_after)
    return web.page(
        "console/home.html",
        fragment="list",
        invitations=customer.subaccount_cards(
            actor, only=[asked.subaccount_id for asked in waiting]
        ),
        cards=cards[: account.PAGE],
        next_after=cards[account.PAGE - 1].account.id if len(cards) > account.PAGE else None,
        search=search,
        after=after,
        clouds_after=clouds_after,
        url=lambda **changes: url_for("console.home", **{**shown, **changes}),
        others=others[: cloud.PAGE],
        next_cloud=others[cloud.PAGE - 1].id if len(others) > cloud.PAGE else None,
        may_create=bool(account.accounts_to_pay_from(actor)),
        staffed=[partner.id for partner in account.partners_of(actor)],
    )


from portal.console import access, billing, clouds, linking  # noqa: E402 - they hang below this one

for screen in (billing, clouds, access, linking):
    blueprint.register_blueprint(screen.blueprint)
