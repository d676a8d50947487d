"""Preferences of a browser: its theme, and its language while signed out."""

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

COOKIE_MAX_AGE = 365 * 24 * 3600
FORCED_THEMES = ("light", "dark")


def forced_theme() -> str:
    """Return the theme chosen in this browser; empty where it follows the system."""
    theme = request.cookies.get(_theme_cookie(), "")
    return theme if theme in FORCED_THEMES else ""


def themes() -> dict[str, str]:
    """Return the themes to choose from: code → label."""
    return {"system": _("System"), "light": _("Light"), "dark": _("Dark")}


@blueprint.post("/language")
def language() -> Any:
    """Set this browser's language while signed out; a signed-in user's is in the profile."""
    return _store("language", languages.cookie_name(), allowed=languages.available())


@blueprint.post("/theme")
def theme() -> Any:
    """Set this browser's theme. htmx gets an event, by which a script changes the open page."""
    response = _store("theme", _theme_cookie(), allowed=themes())
    if web.is_partial():
        if "Set-Cookie" not in response.headers:  # refused: the page is of an earlier session
            return "", 400
        event = json.dumps({"theme": request.form["theme"]})
        response.status_code, response.headers["HX-Trigger"] = 204, event
    return response


def _theme_cookie() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-theme"


def _store(field: str, cookie: str, *, allowed: Any) -> Response:
    """Store the form's value of this field in a cookie; redirect back to the page it came from."""
    response = redirect(web.safe_path(request.form.get("next")), 303)
    value = request.form.get(field, "")
    if value in allowed and web.Form().validate():
        is_secure = current_app.config["SESSION_COOKIE_SECURE"]
        response.set_cookie(
            cookie, value, COOKIE_MAX_AGE, secure=is_secure, httponly=True, samesite="Lax"
        )
    return response
