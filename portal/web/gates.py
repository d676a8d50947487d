"""Gates: the checks before every endpoint; an endpoint without one refuses the start."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from flask import Blueprint, Flask, Response, abort, current_app, redirect, request, url_for

from portal.domain import identity
from portal.domain.errors import ReauthenticationRequired
from portal.web.pages import htmx_redirect, is_partial, return_path
from portal.web.surfaces import Surface, actor, actor_or_none

PROXY_HEADERS = ("X-Forwarded-For", "Forwarded", "X-Real-IP")

V = TypeVar("V", bound=Callable[..., Any])

WITH_PORT = re.compile(r"\[(?P<ipv6>.+)\](:\d+)?|(?P<ipv4>[\d.]+):\d+")
FILE_FORM = "multipart/form-data"


def client_network() -> str:
    """Return the IP address that this request comes from; empty if it can't be read.

    A proxy may add the client's port, and then writes IPv6 in brackets (RFC 7239, section 6).
    """
    address = request.remote_addr or ""
    if match := WITH_PORT.fullmatch(address):
        address = match["ipv6"] or match["ipv4"]
    try:
        return str(ipaddress.ip_address(address.partition("%")[0]))  # without the zone
    except ValueError:
        return ""


def gate(blueprint: Blueprint, *checks: Callable[[], Any], surface: Surface | None = None) -> None:
    """Run these checks, in order, before every endpoint of the blueprint. Without `surface` it
    belongs to the pages."""
    for check in (*checks, surface.check_body if surface else require_text):
        blueprint.before_request(check)
    blueprint.is_gated = bool(checks)  # type: ignore[attr-defined]
    blueprint.surface = surface  # type: ignore[attr-defined]


def require_sign_in() -> Any:
    """Send a visitor to sign-in, which leads back here; a form's input is preserved."""
    if actor_or_none() is not None:
        return None
    if _is_background_request():
        return Response(status=286, headers={"HX-Reswap": "none", "HX-Trigger": "signed-out"})
    if request.method in ("GET", "HEAD") or request.mimetype == FILE_FORM:  # files are lost
        target = url_for("auth.sign_in", next=return_path())
        return htmx_redirect(target) if "HX-Request" in request.headers else redirect(target, 303)
    target = url_for("auth.sign_in", next=return_path(), carry=1)
    return htmx_redirect(target) if "HX-Request" in request.headers else redirect(target, 307)


def require_local_request() -> None:
    """Abort with 404 for requests from other machines, also through a proxy on this one."""
    if not is_local_request():
        abort(404)


def is_local_request() -> bool:
    """Whether the request comes from this machine, and from no proxy on it."""
    is_proxied = any(name in request.headers for name in PROXY_HEADERS)
    return not is_proxied and request.remote_addr in ("127.0.0.1", "::1")


def require_recent_sign_in() -> None:
    """Require the password of the last 10 minutes, in a gate or at the top of a view. Raises
    ReauthenticationRequired, whose page asks for the password and leads back."""
    if not identity.has_recent_authentication(actor()):
        raise ReauthenticationRequired


def _is_background_request() -> bool:
    """Whether a script sent the request: a poll, or a check of a field. Its page stays open; status
    286 stops the polling, and the page says that the session is over."""
    rule = request.url_rule
    return is_partial() and ("poll" in request.args or "GET" not in ((rule and rule.methods) or ()))


def takes_file(max_bytes: Callable[[], int]) -> Callable[[V], V]:
    """Let the view's form carry files, of at most so many bytes."""

    def decorate(view: V) -> V:
        view.takes_file = max_bytes  # type: ignore[attr-defined]
        return view

    return decorate


def require_text() -> None:
    """Refuse a body that is no form of UTF-8 text (400). The last check of a gate: reading the body
    before the redirect to sign-in would lose it."""
    view = current_app.view_functions.get(request.endpoint or "")
    max_bytes: Callable[[], int] | None = getattr(view, "takes_file", None)
    if request.mimetype == FILE_FORM and max_bytes is not None:
        request.max_content_length = max_bytes()
        return
    is_form = request.mimetype == "application/x-www-form-urlencoded"
    content = request.get_data()
    if content and not (is_form and is_utf8(unquote_to_bytes(content))):
        abort(400)


def is_utf8(content: bytes) -> bool:
    """Whether the bytes are text in UTF-8."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def refuse_ungated(app: Flask, public: set[str]) -> None:
    """Raise RuntimeError for an endpoint that has no gate and is not in `public`."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in public and not _is_gated(app, rule.endpoint):
            raise RuntimeError(f"endpoint {rule.endpoint} has no gate and is not in PUBLIC")


def _is_gated(app: Flask, endpoint: str) -> bool:
    """Whether the endpoint's blueprint, or a parent of that, has a gate."""
    parts = endpoint.split(".")[:-1]
    blueprints = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
    return any(getattr(app.blueprints[name], "is_gated", False) for name in blueprints)
