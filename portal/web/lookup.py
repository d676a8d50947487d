"""Lookup by ID: what does not exist for the signed-in person is answered 404."""

from __future__ import annotations

from typing import TypeVar

from flask import abort

from portal import db
from portal.web.gates import actor

T = TypeVar("T")


def find_or_404(model: type[T], ident: str) -> T:
    """The row if it exists for who is signed in; unknown and foreign are the same 404."""
    row = db.find(model, ident, actor())
    if row is None:
        abort(404)
    return row


def same_or_404(one: str, other: str) -> None:
    """404 where a thing exists, but not under this URL."""
    if one != other:
        abort(404)
