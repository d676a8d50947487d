"""Preferences of a browser, for whoever uses it: the language of pages without sign-in."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, redirect, request
from werkzeug.wrappers import Response

from portal import languages, web

blueprint = Blueprint("preferences", __name__, url_prefix="/preferences")
blueprint.before_request(web.require_text)

KEPT_FOR = 365 * 24 * 3600


@blueprint.post("/language")
def language() -> Any:
    """The language this browser shows where nobody is signed in; a profile has its own."""
    return _keep(languages.COOKIE, among=languages.names())


def _keep(name: str, *, among: Any) -> Response:
    """The choice sent under this name goes into a cookie; then back to the page it was made on."""
    response = redirect(web.own_path(request.form.get("next")), 303)
    chosen = request.form.get(name, "")
    if chosen in among and web.Form().validate():
        is_secure = current_app.config["SESSION_COOKIE_SECURE"]
        response.set_cookie(name, chosen, KEPT_FOR, secure=is_secure, httponly=True, samesite="Lax")
    return response
