"""Customers: the list, a customer's page, and the actions on a customer.

Importing the package registers every screen on its blueprint.
"""

from portal.partner.customers import (
    acceptance,
    budget,
    clouds,
    export,
    field_validation,
    first_steps,
    imports,
    listing,
    live_updates,
    notes,
    overview,
    records,
    saved_views,
    states,
    usage,
)
from portal.partner.customers.blueprint import blueprint
