"""Logos of partners, for their staff and their customers' people."""

from __future__ import annotations

from flask import Blueprint, Response, abort, request

from portal import web
from portal.domain.partner_profiles import PartnerProfile

blueprint = Blueprint("logos", __name__, url_prefix="/logos")


@blueprint.get("/<id:account_id>")
def show(account_id: str) -> Response:
    """Show a logo. Browsers keep it if the parameter `v` is its digest."""
    profile = web.find_or_404(PartnerProfile, account_id)
    if profile.logo is None:
        abort(404)
    response = Response(profile.logo, mimetype=profile.logo_type)
    if request.args.get("v") == profile.logo_digest:
        web.keep_in_browser(response)
    return response
