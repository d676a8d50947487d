"""Health checks and metrics.

`/healthz` says that the process lives, `/readyz` that the installation works, `/metrics` has the
numbers for Prometheus. `/metrics` needs METRICS_TOKEN; the worker also serves it on METRICS_PORT of
the loopback address.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, abort, current_app, jsonify, request

from portal import config, db, metrics
from portal.domain import readiness


def health() -> Response:
    """Return 200 while the web server can answer; who routes and restarts asks this."""
    return Response("ok\n", mimetype="text/plain")


def ready() -> tuple[Response, int]:
    """Return what is wrong as JSON, without IDs: 200 if nothing is, else 503. For who watches."""
    try:
        found = db.read(_findings)
    except db.Unavailable as error:
        found = {"database": error.reason, "problems": []}
    is_ready = found == {"database": "ok", "migrations": "ok", "problems": []}
    return jsonify(status="ready" if is_ready else "not ready", **found), 200 if is_ready else 503


def _findings() -> dict[str, Any]:
    is_at_head = db.database_revision() == db.head_revision()
    problems = readiness.problems() if is_at_head else []
    return {
        "database": "ok",
        "migrations": "ok" if is_at_head else "not at head",
        "problems": [
            {
                "cause": problem.cause,
                "kind": problem.kind or None,
                "since": problem.since.isoformat() if problem.since else None,
            }
            for problem in problems
        ],
    }


def show_metrics() -> Response:
    """Return the metrics of all processes to who has METRICS_TOKEN; 404 if it is not set."""
    token = config.current().metrics_token
    if not token:
        abort(404)
    sent = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(sent, f"Bearer {token}".encode()):
        return Response("", 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/plain")
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    text, media_type = metrics.render(Jobs(app))
    return Response(text, mimetype=media_type)


class Jobs:
    """Reads the jobs' numbers from the database whenever Prometheus asks."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def collect(self) -> Iterator[Any]:
        with self.app.app_context():
            try:
                counts, ages, problems = db.read(
                    lambda: (readiness.job_counts(), _ages(), readiness.problems())
                )
            except db.Unavailable:
                yield metrics.gauge("portal_database_up", "Whether it answers.", (), [((), 0)])
                return
        yield metrics.gauge("portal_database_up", "Whether it answers.", (), [((), 1)])
        yield metrics.gauge("portal_jobs", "Jobs.", ("kind", "state"), counts.items())
        oldest = "Seconds since the oldest due job was due."
        yield metrics.gauge("portal_oldest_due_job_seconds", oldest, ("kind",), ages)
        rows = [((problem.cause, problem.kind), 1) for problem in problems]
        yield metrics.gauge("portal_problems", "What is wrong.", ("cause", "kind"), rows)


def _ages() -> list[tuple[tuple[str], float]]:
    now = db.now()
    due = readiness.oldest_due().items()
    return [((kind,), (now - run_at).total_seconds()) for kind, run_at in due]
