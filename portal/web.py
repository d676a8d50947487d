"""What every surface needs of HTTP: page or fragment, find or 404, gates, forms, headers."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import lazy_gettext
from flask_login import UserMixin, current_user
from flask_wtf import FlaskForm
from jinja2_fragments.flask import render_block
from werkzeug.datastructures import MultiDict
from wtforms import HiddenField
from wtforms.validators import Regexp

from portal import db
from portal.domain import identity
from portal.domain.actor import Actor
from portal.domain.errors import Refused
from portal.domain.identity import KeptForm
from portal.sentences import sentence

T = TypeVar("T")

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
NEVER_CARRIED = {"csrf_token", "form_key", "carried"}


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


# Gates


def gate(blueprint: Blueprint, *checks: Callable[[], Any]) -> None:
    """Every endpoint of the blueprint passes these checks first, in order."""
    for check in checks:
        blueprint.before_request(check)
    blueprint.is_gated = bool(checks)  # type: ignore[attr-defined]


def require_sign_in() -> Any:
    """Nobody is signed in: to the sign-in page, and back; what was typed goes along."""
    if current_user.is_authenticated:
        return None
    if request.method in ("GET", "HEAD"):
        target = url_for("auth.sign_in", next=here())
        return htmx_redirect(target) if "HX-Request" in request.headers else redirect(target, 303)
    target = url_for("auth.sign_in", next=_form_page(), carry=1)
    return htmx_redirect(target) if "HX-Request" in request.headers else redirect(target, 307)


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


# Looking up and answering


def find_or_404(model: type[T], ident: str) -> T:
    """The row if it exists for who is signed in; unknown and foreign are the same 404."""
    row = db.find(model, ident, actor())
    if row is None:
        abort(404)
    return row


def same_or_404(one: str, other: str) -> None:
    """404 where a thing exists, but not under this URL."""
    if one != other:
        abort(404)


def external(path: str) -> str:
    """The full address of a path, as people outside reach it."""
    return str(current_app.config["EXTERNAL_URL"]) + path


def page(template: str, *, fragment: str | None = None, status: int = 200, **context: Any) -> Any:
    """The whole page, or for htmx only its block `fragment`; boosted and restored get the page."""
    headers = request.headers
    is_partial = headers.get("HX-Request") == "true" and not (
        headers.get("HX-Boosted") == "true" or headers.get("HX-History-Restore-Request") == "true"
    )
    if fragment and is_partial:
        body = render_block(template, fragment, **context)
    else:
        body = render_template(template, **context)
    return body, status


def htmx_redirect(target: str) -> Response:
    """htmx leaves the page for `target`, instead of nesting it in the one it has."""
    return Response(status=200, headers={"HX-Redirect": target})


def here() -> str:
    """Path and query of this request, to come back to."""
    return request.full_path if request.query_string else request.path


def own_path(value: str | None, default: str = "/") -> str:
    """`value` if it is a path of this site, else `default`; keeps `next` from leading away."""
    if not value or not value.startswith("/") or value.startswith(("//", "/\\")):
        return default
    parts = urlsplit(value)
    if parts.scheme or parts.netloc or any(ord(c) < 33 or c == "\\" for c in value):
        return default
    return value


def _form_page() -> str:
    """Where the form of this POST is shown: its own URL, else the page it was sent from."""
    rule = request.url_rule
    if rule is not None and "GET" in (rule.methods or set()):
        return here()
    referrer = urlsplit(request.referrer or "")
    return own_path(referrer.path if referrer.netloc == request.host else None)


# Forms


class Form(FlaskForm):  # type: ignore[misc]
    """A form that checks its CSRF token as a field and keeps all input when that fails."""

    def refuse(self, error: Refused) -> None:
        """Put the sentence of a refusal at its field, or above the form."""
        text = sentence(error.code, error.facts)
        field = self._fields.get(error.field or "")
        if field is not None:
            field.errors = [*field.errors, text]
        else:
            self.form_errors: list[str] = [*self.form_errors, text]


class CreatingForm(Form):
    """A form whose effect happens once, however often it is sent."""

    form_key = HiddenField(
        validators=[Regexp(r"[\w-]{16,64}\Z", message=lazy_gettext("Load this page anew."))],
        default=lambda: secrets.token_urlsafe(16),
    )

    def body(self) -> dict[str, Any]:
        """What was asked for, without the tokens of this one rendering."""
        return {name: value for name, value in self.data.items() if name not in NEVER_CARRIED}


def kept_fields() -> MultiDict[str, str] | None:
    """What had been typed before the session was found dead, for the form to show once more."""
    key = request.args.get("kept", "")
    kept = db.find(KeptForm, key, actor()) if key and request.method == "GET" else None
    return None if kept is None else MultiDict(kept.fields)


def carried_fields(form: Mapping[str, Any]) -> str:
    """The fields of a POST that came too late, as text for a hidden field; never passwords."""
    lists = form.to_dict(flat=False) if isinstance(form, MultiDict) else dict(form)
    return json.dumps(
        {
            name: values
            for name, values in lists.items()
            if name not in NEVER_CARRIED and "password" not in name
        }
    )


def keep_carried(carried: str, user_id: str) -> str | None:
    """Store carried fields for their owner; returns the key for the form's URL."""
    try:
        fields = json.loads(carried)
    except ValueError:
        return None
    if not isinstance(fields, dict) or not fields:
        return None
    clean = {str(k): [str(v) for v in vs] for k, vs in fields.items() if isinstance(vs, list)}
    return db.write(lambda: identity.keep_form(user_id, clean))


# Headers and static files


def add_headers(response: Response) -> Response:
    """Security headers on every answer; private pages are not stored by anyone."""
    headers = response.headers
    headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["X-Frame-Options"] = "DENY"
    if current_app.config["EXTERNAL_URL"].startswith("https://"):
        headers["Strict-Transport-Security"] = "max-age=31536000"
    if request.endpoint == "static":
        if "v" in request.args:
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
    else:
        headers.setdefault("Cache-Control", "no-store")
        response.vary.add("HX-Request")
    return response


def asset(path: str) -> str:
    """The URL of a static file, which changes with its content."""
    return url_for("static", filename=path, v=_fingerprint(str(current_app.static_folder), path))


@cache
def _fingerprint(folder: str, path: str) -> str:
    return hashlib.sha256((Path(folder) / path).read_bytes()).hexdigest()[:12]
