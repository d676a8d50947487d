"""Customers of a partner: the record, adding one, answering its invitation, the list."""

from portal.domain.customer.adding import add, problems, refuse_to_grow
from portal.domain.customer.answering import accept, decline, sees_as_own_customers
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
    "counts_for",
    "decline",
    "history_of",
    "live_customers",
    "page_for",
    "problems",
    "refuse_to_grow",
    "sees_as_own_customers",
    "shaped",
    "staff_of",
    "subaccount_cards",
]
