"""Callbacks of webhook programs: signed messages, without a session.

No form token and no origin is asked for: a program has no cookie that another site could use, and
the signature says who sends. The answer is the same to all, so that nobody learns what exists.
"""

from __future__ import annotations

from typing import Any

import structlog
from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from portal import db, web
from portal.domain import connections

log = structlog.get_logger(__name__)
blueprint = Blueprint("callbacks", __name__, url_prefix="/callbacks")
MAX_BYTES = 64 * 1024


def _read_body() -> None:
    """Read the body. Aborts with 413 if it is too large."""
    request.max_content_length = MAX_BYTES
    request.get_data()


def _show_error(error: Exception) -> Response:
    """The status alone. After 503 a program sends its message again."""
    if isinstance(error, HTTPException):
        return Response(status=error.code, mimetype="text/plain")
    status = 503 if isinstance(error, db.Unavailable) else 500
    return Response(status=status, mimetype="text/plain")


SURFACE = web.Surface(lambda: None, _read_body, _show_error, is_cross_origin_refused=False)
web.gate(blueprint, surface=SURFACE)


@blueprint.post("/<id:connection_id>")
def receive(connection_id: str) -> Any:
    """Take a message of the connection's program, which wakes the order that it names."""
    headers = {name.lower(): value for name, value in request.headers}
    message = connections.verify_callback(connection_id, headers, request.get_data())
    if message is None:
        log.info("callback.refused", why="signature")
    elif connections.is_new_callback(message) and db.write(
        lambda: connections.accept_callback(message)
    ):
        log.info("callback.accepted", connection=connection_id, order=message.order_id)
    else:
        log.info("callback.refused", why="repeated", connection=connection_id)
    return "", 204
