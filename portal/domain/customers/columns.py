"""The columns of a file of customers, and what stands in them."""

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
"""What a file is imported from, named as the vendor's API names it; `manager` is the e-mail address
of one of the staff, `with_cloud` is yes or no."""

ONLY_EXPORTED = ("status", "customer_id", "subaccount_id", "cloud_id", "added_at", "answered_at")
"""What an export says beside."""


def cells_of(row: ExportRow) -> list[str]:
    """A customer's cells under COLUMNS."""
    values = {
        **vars(draft_of(row.record)),
        "manager": row.manager or "",
        "with_cloud": "yes" if row.record.default_cloud_id else "no",
    }
    return [values[column] for column in COLUMNS]
