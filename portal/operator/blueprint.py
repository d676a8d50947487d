"""The blueprint of the operator's pages: its gate, and the first tab."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, redirect, url_for

from portal import web

blueprint = Blueprint("operator", __name__, url_prefix="/operator")


def require_operator() -> None:
    """Abort with 404 for everybody else."""
    if not web.actor().is_operator:
        abort(404)


web.gate(blueprint, web.require_sign_in, require_operator)


@blueprint.get("")
def home() -> Any:
    """Redirect to the first tab."""
    return redirect(url_for(".show_work"), 303)
