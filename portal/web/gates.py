"""Gates: who is signed in, what an endpoint asks first, and no endpoint without a gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from flask import Blueprint, Flask, Response, abort, current_app, redirect, request, url_for
from flask_login import UserMixin, current_user

from portal import config
from portal.domain.actors import Actor
from portal.web.pages import here, htmx_redirect, is_partial

V = TypeVar("V", bound=Callable[..., Any])

FILE_FORM = "multipart/form-data"


class Visitor(UserMixin):  # type: ignore[misc]
    """The signed-in person for Flask-Login; its ID is the session's token, not the user's ID."""

    def __init__(self, actor: Actor, token: str) -> None:
        self.actor = actor
        self.token = token

    def get_id(self) -> str:
        return self.token


def signed_in() -> Actor | None:
    """The signed-in user as the one who acts, or None."""
    return current_user.actor if current_user.is_authenticated else None


def actor() -> Actor:
    """The signed-in user, behind a gate."""
    who = signed_in()
    if who is None:
        abort(401)
    return who


def client_network() -> str:
    """Return the IP address that this request comes from; empty where it is unknown."""
    return request.remote_addr or ""


def gate(blueprint: Blueprint, *checks: Callable[[], Any]) -> None:
    """Every endpoint of the blueprint passes these checks first, in order."""
    for check in (*checks, require_text):
        blueprint.before_request(check)
    blueprint.is_gated = bool(checks)  # type: ignore[attr-defined]


def require_sign_in() -> Any:
    """Nobody is signed in: to the sign-in page, and back; what was typed goes along."""
    if current_user.is_authenticated:
        return None
    if _is_aside():
        return Response(status=286, headers={"HX-Reswap": "none", "HX-Trigger": "signed-out"})
    if request.method in ("GET", "HEAD") or request.mimetype == FILE_FORM:  # a file is not carried
        target = url_for("auth.sign_in", next=here())
        return htmx_redirect(target) if "HX-Request" in request.headers else redirect(target, 303)
    target = url_for("auth.sign_in", next=here(), carry=1)
    return htmx_redirect(target) if "HX-Request" in request.headers else redirect(target, 307)


def _is_aside() -> bool:
    """Whether the page asks by itself, or about what is being typed: nobody means to leave it, so
    it is told to ask no more (286), and says that the session is over."""
    rule = request.url_rule
    return is_partial() and ("poll" in request.args or "GET" not in ((rule and rule.methods) or ()))


def takes_file(view: V) -> V:
    """The view's form carries a file, of `config.FILE_LARGEST` bytes at most."""
    view.takes_file = True  # type: ignore[attr-defined]
    return view


def require_text() -> None:
    """What is not a form of text is refused. Read behind the gates, so that one that
    is on its way to the sign-in page takes its body along."""
    view = current_app.view_functions.get(request.endpoint or "")
    if request.mimetype == FILE_FORM and hasattr(view, "takes_file"):
        request.max_content_length = config.MAX_FILE_BYTES
        return
    is_form = request.mimetype == "application/x-www-form-urlencoded"
    content = request.get_data()
    if content and not (is_form and is_utf8(unquote_to_bytes(content))):
        abort(400)


def is_utf8(content: bytes) -> bool:
    """Whether it is text."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def refuse_ungated(app: Flask, public: set[str]) -> None:
    """Raises RuntimeError for an endpoint that nobody guards and that is not meant to be public."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in public and not _is_gated(app, rule.endpoint):
            raise RuntimeError(f"endpoint {rule.endpoint} has no gate and is not in PUBLIC")


def _is_gated(app: Flask, endpoint: str) -> bool:
    """Whether its blueprint, or one above that, has a gate."""
    parts = endpoint.split(".")[:-1]
    above = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
    return any(getattr(app.blueprints[name], "is_gated", False) for name in above)
