"""Erase a customer: first the import rows, then the record by which they are found."""

from __future__ import annotations

from portal.domain import customers, imports
from portal.domain.actors import Actor
from portal.domain.customers import Customer


def erase_customer(record: Customer, *, by: Actor) -> None:
    """An operator blanks the personal values of an Inactive customer, in the partner's imports too.

    Raises as `customer.erase`.
    """
    imports.erase(record)  # first: it matches rows by the address that is erased next
    customers.erase(record, by=by)
