"""Preferences of a browser: the theme, and the language where nobody is signed in."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, current_app, redirect, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal import web
from portal.i18n import languages

blueprint = Blueprint("preferences", __name__, url_prefix="/preferences")
blueprint.before_request(web.require_text)

KEPT_FOR = 365 * 24 * 3600
FORCED = ("light", "dark")


def forced_theme() -> str:
    """The theme that this browser's user chose; empty where it follows the system."""
    chosen = request.cookies.get("theme", "")
    return chosen if chosen in FORCED else ""


def themes() -> dict[str, str]:
    """What can be chosen, and what people read."""
    return {"system": _("System"), "light": _("Light"), "dark": _("Dark")}


@blueprint.post("/language")
def language() -> Any:
    """The language this browser shows where nobody is signed in; a profile has its own."""
    return _keep(languages.COOKIE, among=languages.available())


@blueprint.post("/theme")
def theme() -> Any:
    """The theme this browser shows. A script is told, and changes the page as it stands."""
    response = _keep("theme", among=themes())
    if web.is_partial():
        if "Set-Cookie" not in response.headers:  # a page of an earlier session: it is told so
            return "", 400
        told = json.dumps({"theme": request.form["theme"]})
        response.status_code, response.headers["HX-Trigger"] = 204, told
    return response


def _keep(name: str, *, among: Any) -> Response:
    """The choice sent under this name goes into a cookie; then back to the page it was made on."""
    response = redirect(web.own_path(request.form.get("next")), 303)
    chosen = request.form.get(name, "")
    if chosen in among and web.Form().validate():
        is_secure = current_app.config["SESSION_COOKIE_SECURE"]
        response.set_cookie(name, chosen, KEPT_FOR, secure=is_secure, httponly=True, samesite="Lax")
    return response
