"""Erase a customer: first the import rows, then the record that identifies them."""

from __future__ import annotations

from portal.domain import budgets, customers, imports, statements
from portal.domain.actors import Actor
from portal.domain.customers import Customer


def erase_customer(customer: Customer, *, by: Actor, with_statements: bool = False) -> None:
    """Erase the personal data of an Inactive customer, including the partner's import rows and, if
    they need not be kept or `with_statements`, its name on statements.

    Raises as `customers.erase` and `statements.erase`.
    """
    imports.erase(customer)  # first: it finds the rows by the address that is erased next
    customers.erase(customer, by=by)
    budgets.erase(customer)
    statements.erase(customer, with_kept=with_statements)
