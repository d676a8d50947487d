"""Errors: each is shown by its surface; pages say what happened, why, and what to do next."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import unquote_to_bytes

import structlog
from flask import (
    Flask,
    Response,
    abort,
    current_app,
    g,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException, SecurityError

from portal import config, db
from portal.domain.errors import Forbidden, ReauthenticationRequired, Refused
from portal.i18n import languages
from portal.web import (
    actor,
    actor_or_none,
    form_recovery,
    htmx_redirect,
    is_cross_origin,
    is_utf8,
    log_refusal,
    return_path,
    surfaces,
    this_path,
    unavailable,
)
from portal.wording.errors import sentence

log = structlog.get_logger(__name__)

WHILE_RESTORING = {"static", "health", "ready", "metrics"}
"""Endpoints that answer while the database is being restored."""


def register(app: Flask) -> None:
    """Show every error, and give every request an ID."""
    app.before_request(_begin_request)
    app.before_request(_refuse_restoring)
    app.teardown_request(_end_request)
    app.register_error_handler(Exception, show)


def _begin_request() -> None:
    g.request_id = secrets.token_hex(8)
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    if not config.is_trusted(request.host, _trusted_hosts()):
        raise SecurityError  # 400: the request names another host
    path = request.environ["PATH_INFO"].encode("latin-1")
    url = path + unquote_to_bytes(request.query_string)
    if b"\0" in url or not is_utf8(url):
        abort(400)
    if surfaces.current().is_cross_origin_refused and is_cross_origin():
        abort(400)


def _refuse_restoring() -> None:
    if request.endpoint not in WHILE_RESTORING:
        db.refuse_restoring()


def _trusted_hosts() -> frozenset[str]:
    settings = config.current()
    return config.trusted(settings.external_url, is_local=settings.portal_env == "local")


def _end_request(_error: BaseException | None) -> None:
    structlog.contextvars.unbind_contextvars("request_id")


def show(error: Exception) -> Any:
    """Show the error as its surface does; log a bug. An unavailable database is no bug."""
    surface = surfaces.current()
    _log_rejection(error)
    if isinstance(error, (Refused, HTTPException)):
        try:
            return surface.show_error(error)
        except Exception as bug:
            error = bug
    db.session.rollback()
    if found := db.unavailable_from(error):
        return surface.show_error(found)
    log.error("request.failed", method=request.method, endpoint=request.endpoint, exc_info=error)
    return surface.show_error(error)


def _log_rejection(error: Exception) -> None:
    """Log what a gate, a look-up or a check of the body stopped. Not what leads nowhere: scanners
    ask for thousands of such addresses."""
    if isinstance(error, HTTPException) and request.endpoint and (error.code or 500) >= 400:
        user = g.get("actor")
        facts = {"method": request.method, "endpoint": request.endpoint}
        log.info("request.rejected", status=error.code, **facts, by=user.id if user else None)


def show_page(error: Exception) -> Any:
    """Show the error on a page, or lead to the page that asks for the password."""
    if isinstance(error, ReauthenticationRequired):
        return _lead_to_confirmation()
    if isinstance(error, Refused):
        return _refusal_page(error)
    if isinstance(error, HTTPException):
        return _http_error_page(error)
    if isinstance(error, db.Unavailable):
        return unavailable.show(error)
    return _bug_page()


def _lead_to_confirmation() -> Any:
    """Lead to the page that asks for the password, and from there back with the form's input."""
    db.session.rollback()
    path, rule = this_path(), request.url_rule
    if request.method == "POST" and rule is not None and "GET" in (rule.methods or ()):
        path = form_recovery.save(form_recovery.pack(request.form), actor().id, path)
    target = url_for("confirm.show", next=path)
    return htmx_redirect(target) if "HX-Request" in request.headers else redirect(target, 303)


def _refusal_page(error: Refused) -> Any:
    """Show why a rule refused a button's action; forms show refusals themselves."""
    db.session.rollback()
    log_refusal(error)
    if isinstance(error, Forbidden):
        status, title = 403, _("No access")
    else:
        status, title = 422, _("This did not work")
    steps = [(_("Back"), _previous_page())]
    return _error_page(status, title, sentence(error.code, error.facts), steps=steps)


def _http_error_page(error: HTTPException) -> Any:
    """Show the page of an HTTP status; redirects pass."""
    code = error.code or 500
    if code < 400:
        return error
    if isinstance(error, SecurityError):
        return _show_wrong_host()
    home = [(_("Go to the start page"), url_for("front"))]
    texts = {
        400: (
            _("The request could not be read"),
            _("The address or the form came damaged. Go back, and try again."),
        ),
        403: (_("No access"), _("Your account may not see this page.")),
        404: (
            _("There is nothing here"),
            _("The address is wrong, or what it leads to does not exist for your account."),
        ),
        405: (
            _("This page can’t be opened by its address"),
            _("Go back to the page it belongs to, and press the button there."),
        ),
        413: (
            _("That was too much at once"),
            _("What you sent is larger than any form here needs. Shorten it, and send it again."),
        ),
        422: (
            _("This did not work"),
            _("The page was open for too long. Go back to it, and press the button again."),
        ),
    }
    title, what = texts.get(code, (_("This did not work"), _("The request could not be answered.")))
    steps, back = home, _previous_page()
    if code in (400, 405, 422) and back != url_for("front"):
        steps = [(_("Back"), back), *home]
    if code == 404 and actor_or_none():
        switch = url_for("auth.sign_in", switch=1, next=return_path())
        steps = [*home, (_("Sign in as someone else"), switch)]
    return _error_page(code, title, what, steps=steps)


def _bug_page() -> Any:
    """Show the request ID of a bug on a page that needs no database."""
    g.is_bare = True
    # `render` runs no context processors: they query the database.
    page = current_app.jinja_env.get_template("errors/error.html").render(
        product_name=config.current().product_name,
        language=languages.page_language(),
        title=_("Something broke on our side"),
        what=_("It is in the log. What you were doing may not be saved."),
        next_steps=[(_("Go to the start page"), "/")],
        request_id=g.request_id,
    )
    return page, 500


def _show_wrong_host() -> Response:
    """Answer plain text: under a foreign host name no link of a page would work."""
    url = config.current().external_url
    text = _("This portal is not reached under this address. Open %(url)s instead.", url=url)
    return Response(text, 400, mimetype="text/plain")


def _error_page(status: int, title: str, what: str, *, steps: list[tuple[str, str]]) -> Any:
    # The help page depends on the endpoint, which would reveal that the URL exists.
    facts = {"title": title, "what": what, "next_steps": steps}
    page = render_template("errors/error.html", help_url=url_for("help.index"), **facts)
    return page, status


def _previous_page() -> str:
    referrer = request.referrer or ""
    return referrer if referrer.startswith(request.host_url) else url_for("front")
