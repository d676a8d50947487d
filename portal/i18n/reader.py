"""The reader of a page: the signed-in user, whose language and time zone apply."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, current_app, g, has_request_context

from portal.domain.actors import Actor


def register(app: Flask, load: Callable[[], Actor | None]) -> None:
    """Let `load` return the signed-in user of a request."""
    app.extensions["reader"] = load


def reader() -> Actor | None:
    """Return the signed-in user; None outside of a request. A page that must not query the database
    gets the user only if this request has found it already."""
    if not has_request_context():
        return None
    user: Actor | None = g.get("actor") if "is_bare" in g else current_app.extensions["reader"]()
    return user
