"""The columns and cells of CSV files of customers."""

from __future__ import annotations

from portal.domain.customers.editing import draft_of
from portal.domain.customers.listing import ExportRow

COLUMNS = (
    "name",
    "invitation_email",
    "country",
    "tin",
    "longname",
    "phone",
    "email",
    "post_code",
    "legal_address",
    "post_address",
    "reference",
    "manager",
    "description",
    "with_cloud",
)
"""Columns of an import and an export, named as in the vendor's API. `manager` is the e-mail address
of a staff member, `with_cloud` is "yes" or "no"."""

ONLY_EXPORTED = ("status", "customer_id", "subaccount_id", "cloud_id", "added_at", "answered_at")
"""Further columns of an export; an import ignores all of them except `status`."""


def cells_of(row: ExportRow) -> list[str]:
    """Return a customer's cells in the order of COLUMNS."""
    cells = {
        **vars(draft_of(row.customer)),
        "manager": row.manager or "",
        "with_cloud": "yes" if row.customer.default_cloud_id else "no",
    }
    return [cells[column] for column in COLUMNS]
