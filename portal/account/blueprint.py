"""The blueprint `auth`: signing in, signing out and signing up."""

from __future__ import annotations

from flask import Blueprint

from portal import web

blueprint = Blueprint("auth", __name__)
blueprint.before_request(web.require_text)
