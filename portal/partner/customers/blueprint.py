"""The blueprint of *Customers*, and the look-up of a customer."""

from __future__ import annotations

from flask import Blueprint, g

from portal import web
from portal.domain.customers import Customer

blueprint = Blueprint("customers", __name__, url_prefix="/<id:account_id>/customers")


def find(customer_id: str) -> Customer:
    """Return the customer of this partner. Aborts with 404 for any other ID."""
    customer = web.find_or_404(Customer, customer_id)
    web.same_or_404(customer.partner_id, g.partner.id)
    return customer
