"""Answers: a whole page or a fragment of it, a CSV file, a redirect, paths of this site."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from flask import Response, render_template, request, stream_with_context
from jinja2_fragments.flask import render_block

from portal import config, db
from portal.web import csv

MAX_PATH_LENGTH = 2000
NOT_IN_HTML = re.compile(
    r"[^\t\n\f\r -~\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]"
)
"""Control characters and the like, which HTML can't hold; who typed one sees where it stands."""


def external(path: str) -> str:
    """The full address of a path, as people outside reach it."""
    return config.current().external_url + path


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
