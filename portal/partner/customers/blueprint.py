"""The blueprint of *Customers*, and the look-up of one of the partner’s customers."""

from __future__ import annotations

from flask import Blueprint, g

from portal import web
from portal.domain.customers import Customer

blueprint = Blueprint("customers", __name__, url_prefix="/<id:account_id>/customers")


def find(customer_id: str) -> Customer:
    """The customer under this partner's URL, or 404."""
    record = web.find_or_404(Customer, customer_id)
    web.same_or_404(record.partner_id, g.partner.id)
    return record
