"""The homepage of the management console, and the console's blueprint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, request, url_for

from portal import web
from portal.domain import accounts, claims, clouds, customers, invitations
from portal.domain.claims import ClaimState
from portal.domain.clouds import CloudRow
from portal.domain.customers import SubaccountCard
from portal.web import cloud_progress

blueprint = Blueprint("console", __name__, url_prefix="/console")
web.gate(blueprint, web.require_sign_in)


@blueprint.get("")
def home() -> Any:
    """*Home*: open invitations, subaccounts as cards, and the user's other clouds."""
    actor = web.actor()
    search, after = request.args.get("q", "").strip()[:200], request.args.get("after", "")[:20]
    clouds_after = request.args.get("clouds_after", "")[:20]
    subaccounts, others = _subaccounts(search, after), _other_clouds(clouds_after)
    followed = _followed(subaccounts["cards"], others["other_clouds"])
    if cloud_progress.is_shown(followed):
        return "", 204
    open_ids = [invitation.subaccount_id for invitation in invitations.open_for(actor)]
    return web.page(
        "console/home.html",
        fragment="list",
        invitations=customers.subaccount_cards(actor, only=open_ids),
        **(followed | subaccounts | others),
        url=_url(q=search, after=after, clouds_after=clouds_after),
        may_create=bool(accounts.accounts_to_pay_from(actor)),
        staffed_partner_ids=[partner.id for partner in accounts.partner_accounts_of(actor)],
    )


def _url(**query: str) -> Callable[..., str]:
    """Return what makes the URL of the list, with changes."""
    present = {name: value for name, value in query.items() if value}
    return lambda **changes: url_for("console.home", **{**present, **changes})


def _followed(cards: list[SubaccountCard], other_clouds: list[CloudRow]) -> dict[str, Any]:
    shown = (*(cloud for card in cards for cloud in card.clouds), *other_clouds)
    return cloud_progress.followed([cloud.id for cloud in shown])


def _subaccounts(search: str, after: str) -> dict[str, Any]:
    """Return the context of the section of subaccounts: a page of their cards."""
    cards = customers.subaccount_cards(web.actor(), search=search, after=after)
    shown, next_after = web.paginate(cards, accounts.PAGE, cursor=lambda card: card.account.id)
    return {"cards": shown, "next_after": next_after, "search": search, "after": after}


def _other_clouds(after: str) -> dict[str, Any]:
    """Return the context of the sections of other clouds, a page of them, and registered ones."""
    actor = web.actor()
    shown, next_after = web.paginate(clouds.other_clouds_for(actor, after=after), clouds.PAGE)
    registered = claims.claims_of(actor, ClaimState.WAITING, ClaimState.REFUSED)
    page = {"other_clouds": shown, "next_clouds_after": next_after, "clouds_after": after}
    return {**page, "claims": registered}
