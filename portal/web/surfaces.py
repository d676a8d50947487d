"""Surfaces: how a request is authenticated, which body it may have, and how its errors are shown.

A blueprint without a surface of its own belongs to the pages, which `register` names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask, abort, current_app, g, request

from portal.domain.actors import Actor


@dataclass(frozen=True)
class Surface:
    """What differs between the pages and, for example, a JSON API."""

    authenticate: Callable[[], Actor | None]
    """Returns the user that the request is from, or None. Called once per request, when needed."""
    check_body: Callable[[], Any]
    """Refuses a body that the surface does not read. The last check of each gate."""
    show_error: Callable[[Exception], Any]
    """Returns the response to an HTTPException, a Refused, a db.Unavailable or any other: a bug."""
    is_cross_origin_refused: bool = True
    """Whether to refuse the POST of another site, whose browser may add the user's cookie."""


def register(app: Flask, pages: Surface) -> None:
    """Use this surface for every blueprint without one, and for requests outside of blueprints."""
    app.extensions["pages"] = pages


def current() -> Surface:
    """Return the surface of this request: that of its blueprint or of a parent of it; for a URL
    that is not routed, that of the blueprint with its prefix."""
    blueprints = [current_app.blueprints[name] for name in request.blueprints]
    if request.url_rule is None:
        path = f"{request.path}/"
        every = current_app.blueprints.values()
        blueprints = [each for each in every if path.startswith(f"{each.url_prefix}/")]
    named: list[Surface | None] = [getattr(each, "surface", None) for each in blueprints]
    pages: Surface = current_app.extensions["pages"]
    return next(filter(None, named), pages)


def actor_or_none() -> Actor | None:
    """Return the user that the request is from, or None."""
    if "actor" not in g:
        g.actor = current().authenticate()
    actor: Actor | None = g.actor
    return actor


def actor() -> Actor:
    """Return the user that the request is from. Aborts with 401 without one, which a gate
    excludes."""
    user = actor_or_none()
    if user is None:
        abort(401)
    return user
