"""The states of the pages of usage and money, with the demonstration's year of usage."""

from __future__ import annotations

from portal.demo.people import EDDIE, OLGA
from tests.support.claim_states import NINA
from tests.support.page_states import state

USAGE = [
    state("usage", "partner.usage.index", OLGA, "{partner}/usage"),
    state("usage-first", "partner.usage.index", OLGA, "{partner}/usage?month=2000-01&by=service"),
    state("usage-clouds", "partner.usage.index", OLGA, "{partner}/usage?by=cloud"),
    state("usage-quantities", "partner.usage.index", EDDIE, "{partner}/usage"),
    state("customer-usage", "customers.usage", OLGA, "{active}/usage"),
    state("customer-usage-none", "customers.usage", OLGA, "{waiting}/usage"),
    state("customer-usage-quantities", "customers.usage", EDDIE, "{active}/usage?by=service"),
    state("account-usage", "console.usage.show", NINA, "{subaccount}/usage"),
    state("account-payers", "billing.show", OLGA, "{subaccount}"),
]
