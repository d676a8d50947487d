"""Pages for what goes wrong: what happened, why, what to do next."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Flask, Response, abort, current_app, g, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException, SecurityError

from portal import config, db
from portal.domain.errors import Forbidden, Refused
from portal.i18n import languages
from portal.web import here, is_from_elsewhere, is_utf8, signed_in
from portal.wording.errors import sentence

log = logging.getLogger("portal")


def register(app: Flask) -> None:
    """Every error has a page in the product's look."""
    app.before_request(_begin)
    app.register_error_handler(Refused, _or_broken(show_refusal))
    app.register_error_handler(HTTPException, _or_broken(show_http_error))
    app.register_error_handler(Exception, show_bug)


def _begin() -> None:
    g.request_id = secrets.token_hex(8)
    path = request.environ["PATH_INFO"].encode("latin-1")
    address = path + unquote_to_bytes(request.query_string)
    if b"\0" in address or not is_utf8(address) or is_from_elsewhere():
        abort(400)


def _or_broken(page: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A page that itself breaks, because it asks a database that is gone, is a bug's page."""

    @wraps(page)
    def answer(error: Any) -> Any:
        try:
            return page(error)
        except Exception as fault:
            return show_bug(fault)

    return answer


def show_refusal(error: Refused) -> Any:
    """A rule stands against what a button asked for; forms show the sentence themselves."""
    db.session.rollback()
    if isinstance(error, Forbidden):
        return _page(
            403,
            _("No access"),
            sentence(error.code, error.facts),
            steps=[(_("Back"), _back())],
        )
    return _page(
        422, _("This did not work"), sentence(error.code, error.facts), steps=[(_("Back"), _back())]
    )


def show_http_error(error: HTTPException) -> Any:
    """What HTTP has a number for."""
    code = error.code or 500
    if code < 400:
        return error
    if isinstance(error, SecurityError):
        return _wrong_host()
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
    steps, back = home, _back()
    if code in (400, 405, 422) and back != url_for("front"):
        steps = [(_("Back"), back), *home]
    if code == 404 and signed_in():
        switch = url_for("auth.sign_in", switch=1, next=here())
        steps = [*home, (_("Sign in as someone else"), switch)]
    return _page(code, title, what, steps=steps)


def show_bug(error: Exception) -> Any:
    """A bug: the page shows the ID under which the log has it."""
    log.error("request %s: %s %s", g.request_id, request.method, request.path, exc_info=error)
    db.session.rollback()
    g.is_bare = True
    # Without the context processors, Flask-Login's among them, which ask the database.
    page = current_app.jinja_env.get_template("errors/error.html").render(
        product_name=config.current().product_name,
        language=languages.page_language(),
        title=_("Something broke on our side"),
        what=_("It is in the log. What you were doing may not be saved."),
        next_steps=[(_("Go to the start page"), "/")],
        request_id=g.request_id,
    )
    return page, 500


def _wrong_host() -> Response:
    """No page: under a foreign name there is no URL of ours to link to."""
    url = config.current().external_url
    text = _("This portal is not reached under this address. Open %(url)s instead.", url=url)
    return Response(text, 400, mimetype="text/plain")


def _page(status: int, title: str, what: str, *, steps: list[tuple[str, str]]) -> Any:
    # Its address is no screen, and must not tell whether it could be one.
    facts = {"title": title, "what": what, "next_steps": steps}
    page = render_template("errors/error.html", help_url=url_for("help.index"), **facts)
    return page, status


def _back() -> str:
    referrer = request.referrer or ""
    return referrer if referrer.startswith(request.host_url) else url_for("front")
