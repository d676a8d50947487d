"""Logos of partners, for their staff and their customers' people."""

from __future__ import annotations

from flask import Blueprint, Response

from portal import web
from portal.domain.partner_profiles import PartnerProfile

blueprint = Blueprint("logos", __name__, url_prefix="/logos")


@blueprint.get("/<id:account_id>/<digest>")
def show(account_id: str, digest: str) -> Response:
    """Show the logo with this digest; another logo has another URL, so browsers keep it."""
    profile = web.find_or_404(PartnerProfile, account_id)
    web.same_or_404(digest, profile.logo_digest or "")
    response = Response(profile.logo, mimetype=profile.logo_type)
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return response
