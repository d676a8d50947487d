"""Pages for what goes wrong: what happened, why, what to do next."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from flask import Flask, abort, g, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException

from portal import db
from portal.domain.errors import Forbidden, Refused
from portal.sentences import sentence
from portal.web import signed_in

log = logging.getLogger("portal")


def register(app: Flask) -> None:
    """Every error has a page in the product's look."""
    app.before_request(_begin)
    app.register_error_handler(Refused, refused)
    app.register_error_handler(HTTPException, failed)
    app.register_error_handler(Exception, broken)


def _begin() -> None:
    g.request_id = secrets.token_hex(8)
    if "\x00" in request.path or any("\x00" in v for vs in request.args.listvalues() for v in vs):
        abort(400)


def refused(error: Refused) -> Any:
    """A rule stands against what a button asked for; forms show the sentence themselves."""
    db.session.rollback()
    if isinstance(error, Forbidden):
        return _page(
            403,
            _("Your role does not allow this"),
            sentence(error.code, error.facts),
            steps=[(_("Back"), _back())],
        )
    return _page(
        422, _("This did not work"), sentence(error.code, error.facts), steps=[(_("Back"), _back())]
    )


def failed(error: HTTPException) -> Any:
    """What HTTP has a number for."""
    code = error.code or 500
    if code < 400:
        return error
    home = [(_("Go to the start page"), url_for("front"))]
    texts = {
        400: (
            _("The request could not be read"),
            _("Something in the address or the form is not what a browser sends."),
        ),
        403: (_("No access"), _("Your account may not see this page.")),
        404: (
            _("There is nothing here"),
            _("The address is wrong, or what it leads to does not exist for your account."),
        ),
        405: (_("This address only takes forms"), _("Open the page it belongs to, and try there.")),
        413: (
            _("That was too much at once"),
            _("What you sent is larger than any form here needs. Shorten it, and send it again."),
        ),
    }
    title, what = texts.get(code, (_("This did not work"), _("The request could not be answered.")))
    steps = home
    if code == 404 and signed_in():
        switch = url_for("auth.sign_in", switch=1, next=request.path)
        steps = [*home, (_("Sign in as someone else"), switch)]
    return _page(code, title, what, steps=steps)


def broken(error: Exception) -> Any:
    """A bug: the page shows the ID under which the log has it."""
    log.error("request %s: %s %s", g.request_id, request.method, request.path, exc_info=error)
    db.session.rollback()
    g.is_bare = True
    return _page(
        500,
        _("Something broke on our side"),
        _("It is in the log. What you were doing may not be saved."),
        steps=[(_("Go to the start page"), "/")],
        request_id=g.request_id,
    )


def _page(
    status: int, title: str, what: str, *, steps: list[tuple[str, str]], request_id: str = ""
) -> Any:
    page = render_template(
        "errors/error.html",
        title=title,
        what=what,
        why="",
        next_steps=steps,
        request_id=request_id or None,
    )
    return page, status


def _back() -> str:
    referrer = request.referrer or ""
    return referrer if referrer.startswith(request.host_url) else url_for("front")
