"""Erase tags, names and unknown columns of a customer's rows of usage; amounts stay."""

from __future__ import annotations

from portal import db, usage_files
from portal.domain import usage


def erase_extras(account_id: str) -> None:
    """Erase the extras of a subaccount's rows, piece by piece, by short transactions. It may be run
    again."""
    owned = db.read(lambda: usage.rows_of(account_id))
    for delivery_id, number in db.read(lambda: usage.pieces_with(account_id)):
        found = db.read(lambda: usage.extras(delivery_id, number))  # noqa: B023 - runs at once
        left = usage_files.without_rows(found.amounts, found.extras, owned) if found else None
        if left is not None:
            db.write(lambda: usage.replace_extras(delivery_id, number, left))  # noqa: B023
