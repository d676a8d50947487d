"""Health check of the portal and its database, for upgrades, containers and monitoring."""

from __future__ import annotations

from flask import Response

from portal import db
from portal.domain import identity


def health() -> Response:
    """Return 200 if the database answers; its errors are handled like those of any page."""
    db.read(identity.has_users)
    return Response("ok\n", mimetype="text/plain")
