"""What every surface needs of HTTP: page or fragment, find or 404, gates, forms."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes, urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_login import UserMixin, current_user
from flask_wtf import FlaskForm
from jinja2_fragments.flask import render_block
from wtforms import HiddenField
from wtforms.validators import InputRequired, ValidationError

from portal import config, db
from portal.domain import values
from portal.domain.actors import Actor
from portal.domain.errors import Forbidden, Refused
from portal.domain.values import Invalid
from portal.web import csv
from portal.wording.errors import sentence

T = TypeVar("T")
V = TypeVar("V", bound=Callable[..., Any])

MAX_PATH_LENGTH = 2000
FILE_FORM = "multipart/form-data"
NOT_IN_HTML = re.compile(
    r"[^\t\n\f\r -~\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]"
)
"""Control characters and the like, which HTML can't hold; who typed one sees where it stands."""
NEVER_SAVED = {"csrf_token", "form_key", "carried"}


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


def is_partial() -> bool:
    """Whether htmx asks for a part of a page; where it boosts or restores it takes a whole one."""
    headers = request.headers
    is_whole = "true" in (headers.get("HX-Boosted"), headers.get("HX-History-Restore-Request"))
    return headers.get("HX-Request") == "true" and not is_whole


def page(template: str, *, fragment: str | None = None, status: int = 200, **context: Any) -> Any:
    """The whole page, or for htmx only its block `fragment`; boosted and restored get the page."""
    if fragment and is_partial():
        body = render_block(template, fragment, **context)
    else:
        body = render_template(template, **context)
    return NOT_IN_HTML.sub("\ufffd", body), status


def csv_file(name: str, rows: Iterable[Iterable[object]]) -> Response:
    """A spreadsheet to keep, sent piece by piece; its name has the day."""
    file_name = f"{name}-{db.now():%Y-%m-%d}.csv"
    return Response(
        stream_with_context(csv.write_rows(rows)),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{file_name}"'},
    )


def htmx_redirect(target: str) -> Response:
    """htmx leaves the page for `target`, instead of nesting it in the one it has."""
    return Response(status=200, headers={"HX-Redirect": target})


def here() -> str:
    """Path and query to come back to: this request's; of sign-in and sign-up those they lead on to;
    of an address that only takes forms those of the page that sent one."""
    if "next" in request.args:
        return own_path(request.args["next"])
    rule = request.url_rule
    if rule is None or "GET" in (rule.methods or set()):
        return own_path(request.full_path if request.query_string else request.path)
    return own_path(_own_path_of(request.referrer))


def is_from_elsewhere() -> bool:
    """Whether another site's page sent this form; it is not even shown again, filled in."""
    origin = request.headers.get("Origin")
    return request.method == "POST" and origin is not None and _own_path_of(origin) is None


def _own_path_of(url: str | None) -> str | None:
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    return parts.path if parts.netloc == request.host else None


def own_path(value: str | None, default: str = "/") -> str:
    """`value` if it is a path of this site, else `default`; keeps `next` from leading away."""
    if not value or len(value) > MAX_PATH_LENGTH or not value.startswith("/"):
        return default
    # Browsers read "\\" as "/" and drop breaks and tabs, so either may hide the "//" of a host.
    if value.startswith("//") or "\\" in value or " " in value or not value.isprintable():
        return default
    return value


# Forms

REQUIRED = InputRequired(lazy_gettext("Fill this in; it is required."))


def normalised_by(rule: Callable[[str], str]) -> Callable[[Any, Any], None]:
    """A validator: what was typed takes its stored form, by a rule of the domain."""

    def validate(_form: Any, field: Any) -> None:
        try:
            field.data = rule(field.data or "")
        except Invalid as error:
            raise ValidationError(sentence(error.code, error.facts)) from error

    return validate


ADDRESS = normalised_by(lambda value: values.email(value).display)


class Form(FlaskForm):  # type: ignore[misc]
    """A form that checks its CSRF token as a field and keeps all input when that fails."""

    def refuse(self, error: Refused) -> None:
        """Put the sentence of a refusal at its field, or above the form. A role too weak is not the
        form's matter; it has a page of its own."""
        if isinstance(error, Forbidden):
            raise error
        text = sentence(error.code, error.facts)
        field = self._fields.get(error.field or "")
        if field is not None:
            field.errors = [*field.errors, text]
        else:
            self.form_errors: list[str] = [*self.form_errors, text]


class CreatingForm(Form):
    """A form whose effect happens once, however often it is sent."""

    form_key = HiddenField(default=lambda: secrets.token_urlsafe(16))

    def validate_form_key(self, field: HiddenField) -> None:
        """Only what was sent counts: the default is another key at each reading."""
        if not field.raw_data or not re.fullmatch(r"[\w-]{16,64}", field.raw_data[0]):
            raise ValidationError(_("Load this page anew."))

    def body(self) -> dict[str, Any]:
        """What was asked for, without the tokens of this one rendering."""
        asked = {name: value for name, value in self.data.items() if name not in NEVER_SAVED}
        return asked | {"path": request.path}
