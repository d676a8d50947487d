"""The blueprint of the operator's pages, and its gate."""

from __future__ import annotations

from flask import Blueprint, abort

from portal import web

blueprint = Blueprint("operator", __name__, url_prefix="/operator")


def require_operator() -> None:
    """Abort with 404 for everybody else."""
    if not web.actor().is_operator:
        abort(404)


web.gate(blueprint, web.require_sign_in, require_operator)
