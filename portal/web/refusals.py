"""Log lines of refusals: one for each request that shows why a rule refused."""

from __future__ import annotations

import structlog
from flask import g, request

from portal import metrics
from portal.domain.errors import Refused
from portal.web.surfaces import actor_or_none

log = structlog.get_logger(__name__)


def log_refusal(error: Refused) -> None:
    """Log the refusal that this request shows; only the first. Its facts may be personal data."""
    if "is_refusal_logged" in g:
        return
    g.is_refusal_logged = True
    metrics.count_refusal(error.code)
    user = actor_or_none()
    log.info(
        "request.refused",
        code=error.code,
        action=error.facts.get("action"),
        endpoint=request.endpoint,
        by=user.id if user else None,
    )
