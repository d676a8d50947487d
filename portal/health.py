"""Whether the portal and its database answer: for upgrades, containers and who watches over it."""

from __future__ import annotations

from flask import Response

from portal import db
from portal.domain import identity


def health() -> Response:
    """200 and nothing of interest; a database that does not answer is a fault like any other."""
    db.read(identity.has_users)
    return Response("ok\n", mimetype="text/plain")
