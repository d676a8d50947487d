"""Unavailable: the page for a database that is busy, full, away … keeps the sent form."""

from __future__ import annotations

import structlog
from flask import Response, current_app, g, request
from werkzeug.exceptions import HTTPException

from portal import config, db, web
from portal.db import Reason, Unavailable
from portal.i18n import languages
from portal.web.gates import FILE_FORM
from portal.web.pages import NOT_IN_HTML
from portal.wording import unavailable as wording

log = structlog.get_logger(__name__)

RETRY_AFTER = dict.fromkeys(Reason, 60) | {Reason.BUSY: 5}
"""Seconds after which to ask again."""


def show(error: Unavailable) -> Response:
    """Answer 503 with a page that needs no database; for htmx with the page's sentences, since the
    open page stays."""
    facts = {"reason": error.reason, "cause": _cause(error)}
    where = {"method": request.method, "endpoint": request.endpoint}
    log.warning("database.unavailable", **where, **facts)
    db.session.rollback()
    g.is_bare = True
    body = _sentences(error) if web.is_partial() else _page(error)
    response = Response(body, 503, mimetype="text/plain" if web.is_partial() else "text/html")
    response.headers["Retry-After"] = str(RETRY_AFTER[error.reason])
    return response


def _cause(error: Unavailable) -> str:
    """Return the first line of the driver's message, without statement and parameters."""
    cause = error.__cause__
    without = "queue-full" if error.reason is Reason.BUSY else error.reason
    return str(getattr(cause, "orig", cause) or without).partition("\n")[0]


def _sentences(error: Unavailable) -> str:
    saved = [wording.what_was_saved(error)] if request.method == "POST" else []
    return " ".join([wording.what_happened(error), *saved, wording.what_to_do(error)])


def _page(error: Unavailable) -> str:
    here = web.safe_path(request.full_path.rstrip("?"), default="")
    form = _sent_form() if here else []
    # `render` runs no context processors: they query the database.
    page = current_app.jinja_env.get_template("errors/unavailable.html").render(
        product_name=config.current().product_name,
        language=languages.page_language(),
        error=error,
        wording=wording,
        is_post=request.method == "POST",
        fields=[(name, value) for name, value in form if not web.is_secret(name)],
        is_password_lost=any(web.is_secret(name) for name, _value in form),
        is_file_lost=request.mimetype == FILE_FORM,
        here=here,
        back=_form_path(),
        request_id=g.request_id,
    )
    return NOT_IN_HTML.sub("\ufffd", page)


def _sent_form() -> list[tuple[str, str]]:
    """Return the fields of a sent form, without files; none if it is not from a page of ours."""
    if request.method != "POST" or web.is_cross_origin():
        return []
    try:
        fields = list(request.form.items(multi=True))
    except HTTPException:  # too large
        return []
    is_ours = any(name == "csrf_token" for name, _value in fields)
    return fields if is_ours and request.mimetype != FILE_FORM else []


def _form_path() -> str:
    """Return the path of the page with the form; the start page if it was this page."""
    path = web.return_path()
    is_shown = request.url_rule is not None and "GET" in (request.url_rule.methods or set())
    return path if is_shown or path != request.path else "/"
