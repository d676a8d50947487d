"""The blueprint of *Customers*, the look-up of a customer, and its URL."""

from __future__ import annotations

from flask import Blueprint, g, url_for

from portal import web
from portal.domain import access, customers
from portal.domain.actions import Action
from portal.domain.customers import Customer

blueprint = Blueprint("customers", __name__, url_prefix="/<id:account_id>/customers")


def find(customer_id: str) -> Customer:
    """Return the customer of this partner. Aborts with 404 for any other ID."""
    customer = web.find_or_404(Customer, customer_id)
    web.same_or_404(customer.partner_id, g.partner.id)
    return customer


def customer_url(customer_id: str) -> str:
    """Return the URL of the page of a customer of this partner."""
    return url_for("partner.customers.show", account_id=g.partner.id, customer_id=customer_id)


def require_may_add() -> None:
    """Raise Forbidden unless the signed-in user may add customers to this partner, and Refused
    where nobody can."""
    access.require(web.actor(), Action.CUSTOMER_ADD, g.partner)
    customers.require_can_add(g.partner)
