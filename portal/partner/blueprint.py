"""The blueprint of the partner portal: its gate, and the choice of a partner account."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, redirect, request, url_for

from portal import web
from portal.domain import accounts
from portal.domain import team as staff
from portal.domain.accounts import BillingAccount, Kind

blueprint = Blueprint("partner", __name__, url_prefix="/partner")


def require_partner_status() -> Any:
    """Staff of this partner come in; who has no partner status at all reads exactly that."""
    actor = web.actor()
    partners = accounts.partner_accounts_of(actor)
    if not partners:
        return web.page(
            "partner/no_status.html", coming=staff.pending_memberships(actor), status=403
        )
    ident = (request.view_args or {}).get("account_id")
    if ident is not None:
        g.partner = web.find_or_404(BillingAccount, ident)
        if g.partner.kind is not Kind.PARTNER:
            return web.page("partner/no_status.html", status=403)
    g.partners = partners
    return None


web.gate(blueprint, web.require_sign_in, require_partner_status)


@blueprint.get("")
def choose() -> Any:
    """Leads on to the one partner account, or lets one choose."""
    if len(g.partners) == 1:
        return redirect(url_for("partner.customers.index", account_id=g.partners[0].id), 303)
    return web.page("partner/choose.html", partners=g.partners)
