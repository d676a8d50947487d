"""Erase a customer: first the import rows, then the record that identifies them."""

from __future__ import annotations

from portal.domain import customers, imports
from portal.domain.actors import Actor
from portal.domain.customers import Customer


def erase_customer(customer: Customer, *, by: Actor) -> None:
    """Erase the personal data of an Inactive customer, including the partner's import rows.

    Raises as `customers.erase`.
    """
    imports.erase(customer)  # first: it finds the rows by the address that is erased next
    customers.erase(customer, by=by)
