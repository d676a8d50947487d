"""Health check: whether the process lives. It never asks the database."""

from __future__ import annotations

from flask import Response


def health() -> Response:
    """Return 200, even when the database is unavailable: a restart would not help."""
    return Response("ok\n", mimetype="text/plain")
