"""Responses: a page or a fragment of it, a CSV file, a redirect; paths that are safe to follow."""

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
"""Control characters and the like, which HTML cannot hold; a page shows U+FFFD for each."""


def external_url(path: str) -> str:
    """Return the absolute URL of a path, as seen from outside."""
    return config.current().external_url + path


def is_partial() -> bool:
    """Whether htmx requests a part of a page; boosted and history requests need a whole one."""
    headers = request.headers
    is_whole = "true" in (headers.get("HX-Boosted"), headers.get("HX-History-Restore-Request"))
    return headers.get("HX-Request") == "true" and not is_whole


def page(template: str, *, fragment: str | None = None, status: int = 200, **context: Any) -> Any:
    """Return body and status: the page, or for a partial request its block `fragment` alone."""
    if fragment and is_partial():
        body = render_block(template, fragment, **context)
    else:
        body = render_template(template, **context)
    return NOT_IN_HTML.sub("\ufffd", body), status


def csv_file(name: str, rows: Iterable[Iterable[object]]) -> Response:
    """Return a CSV download, streamed row by row; its name ends with the date."""
    file_name = f"{name}-{db.now():%Y-%m-%d}.csv"
    return Response(
        stream_with_context(csv.write_rows(rows)),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{file_name}"'},
    )


def htmx_redirect(target: str) -> Response:
    """Return a response that makes htmx load `target` as a page, not into the current one."""
    return Response(status=200, headers={"HX-Redirect": target})


def return_path() -> str:
    """Return the path to come back to: the target of `next` at sign-in and sign-up, else that of
    this request."""
    return safe_path(request.args["next"]) if "next" in request.args else this_path()


def this_path() -> str:
    """Return the path of this request with its query; at a URL without GET that of the page that
    sent the form."""
    rule = request.url_rule
    if rule is None or "GET" in (rule.methods or set()):
        return safe_path(request.full_path if request.query_string else request.path)
    return safe_path(_same_origin_path(request.referrer))


def is_cross_origin() -> bool:
    """Whether a page of another site sent this form."""
    origin = request.headers.get("Origin")
    return request.method == "POST" and origin is not None and _same_origin_path(origin) is None


def _same_origin_path(url: str | None) -> str | None:
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    return parts.path if parts.netloc == request.host else None


def safe_path(value: str | None, default: str = "/") -> str:
    """Return `value` if it is a path of this site, else `default` (CWE-601, open redirect)."""
    if not value or len(value) > MAX_PATH_LENGTH or not value.startswith("/"):
        return default
    # Browsers read "\\" as "/" and drop line breaks and tabs: both may hide the "//" of a host.
    if value.startswith("//") or "\\" in value or " " in value or not value.isprintable():
        return default
    return value
