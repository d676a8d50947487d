"""*Download heads* of the audit log: an anchor file, to keep outside of the database."""

from __future__ import annotations

from typing import Any

from flask import Response

from portal import db
from portal.domain import audit
from portal.operator.blueprint import blueprint


@blueprint.get("/audit-heads")
def download_audit_heads() -> Any:
    """Download the heads of all chains, as `flask audit verify --anchor` reads them."""
    response = Response("".join(audit.to_anchor()), mimetype="application/jsonl")
    file_name = f"audit-heads-{db.now():%Y-%m-%d}.jsonl"
    response.headers.set("Content-Disposition", "attachment", filename=file_name)
    return response
