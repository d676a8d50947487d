"""Customers of a partner: the record, adding, editing, answering, ending, the list."""

from portal.domain.customer.adding import add, problems, refuse_to_grow
from portal.domain.customer.answering import accept, decline, sees_as_own_customers
from portal.domain.customer.editing import correct_address, draft_of, edit
from portal.domain.customer.ending import end_partnership, remove, resume, suspend
from portal.domain.customer.listing import (
    PAGE,
    Counts,
    CustomerRow,
    Filter,
    counts_for,
    history_of,
    live_customers,
    page_for,
    staff_of,
    subaccount_cards,
)
from portal.domain.customer.record import Customer, Draft, Status, shaped

__all__ = [
    "PAGE",
    "Counts",
    "Customer",
    "CustomerRow",
    "Draft",
    "Filter",
    "Status",
    "accept",
    "add",
    "correct_address",
    "counts_for",
    "decline",
    "draft_of",
    "edit",
    "end_partnership",
    "history_of",
    "live_customers",
    "page_for",
    "problems",
    "refuse_to_grow",
    "remove",
    "resume",
    "sees_as_own_customers",
    "shaped",
    "staff_of",
    "subaccount_cards",
    "suspend",
]
