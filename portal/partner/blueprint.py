"""The blueprint of the partner portal: its gate, and the choice of a partner account."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, redirect, request, url_for

from portal import web
from portal.domain import access, accounts
from portal.domain import team as staff
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.actions import Action

blueprint = Blueprint("partner", __name__, url_prefix="/partner")


def require_partner_status() -> Any:
    """Admit the staff of this partner; show *No partner status* to a user without any partner."""
    actor = web.actor()
    partners = accounts.partner_accounts_of(actor)
    if not partners:
        return web.page(
            "partner/no_status.html",
            pending_memberships=staff.pending_memberships(actor),
            status=403,
        )
    account_id = (request.view_args or {}).get("account_id")
    if account_id is not None:
        g.partner = web.find_or_404(BillingAccount, account_id)
        if g.partner.kind is not Kind.PARTNER:
            return web.page("partner/no_status.html", status=403)
        g.may_edit_profile = access.may(actor, Action.PARTNER_EDIT_PROFILE, g.partner)
    g.partners = partners
    return None


web.gate(blueprint, web.require_sign_in, require_partner_status)


@blueprint.get("")
def choose() -> Any:
    """Redirect to the only partner account, or show a choice."""
    if len(g.partners) == 1:
        return redirect(url_for("partner.customers.index", account_id=g.partners[0].id), 303)
    return web.page("partner/choose.html", partners=g.partners)
