"""Lookup by ID: 404 for rows that do not exist for the signed-in user."""

from __future__ import annotations

from typing import TypeVar

from flask import abort

from portal import db
from portal.web.surfaces import actor

T = TypeVar("T")


def find_or_404(model: type[T], row_id: str) -> T:
    """Return the row if it is visible to the signed-in user. An unknown and a foreign ID are the
    same 404."""
    row = db.find(model, row_id, actor())
    if row is None:
        abort(404)
    return row


def same_or_404(value: str, expected: str) -> None:
    """Abort with 404 where a row does not belong under this URL."""
    if value != expected:
        abort(404)
