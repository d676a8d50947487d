"""The states of the pages of usage and money, with the demonstration's year of usage."""

from __future__ import annotations

from portal.demo.people import EDDIE, OLGA, SAM
from tests.support.claim_states import NINA
from tests.support.page_paths import send, send_invalid
from tests.support.page_states import state

BUDGET = "{active}/budget"

USAGE = [
    state("usage", "partner.usage.index", OLGA, "{partner}/usage"),
    state("usage-first", "partner.usage.index", OLGA, "{partner}/usage?month=2000-01&by=service"),
    state("usage-clouds", "partner.usage.index", OLGA, "{partner}/usage?by=cloud"),
    state("usage-quantities", "partner.usage.index", EDDIE, "{partner}/usage"),
    state("customer-usage", "customers.usage", OLGA, "{active}/usage"),
    state("customer-usage-none", "customers.usage", OLGA, "{waiting}/usage"),
    state("customer-usage-quantities", "customers.usage", EDDIE, "{active}/usage?by=service"),
    state("budgets", "partner.budgets.index", OLGA, "{partner}/budgets"),
    state("budgets-none", "partner.budgets.index", SAM, "{partner}/budgets"),
    state("customer-budget-spent", "customers.usage", OLGA, "{budgeted}/usage"),
    state("customer-budget", "customers.set_budget", OLGA, BUDGET),
    state("customer-budget-editor", "customers.set_budget", EDDIE, BUDGET),
    state("customer-budget-faults", "customers.set_budget", OLGA, BUDGET, send_invalid(amount="x")),
    state(
        "customer-budget-set",
        "customers.usage",
        OLGA,
        BUDGET,
        send(amount="500", steps="suspend", suspends_at="130"),
    ),
    state("account-usage", "console.usage.show", NINA, "{subaccount}/usage"),
    state("account-budget", "console.budget.set_budget", NINA, "{subaccount}/budget"),
    state(
        "account-budget-set",
        "console.usage.show",
        NINA,
        "{subaccount}/budget",
        send(amount="100"),
    ),
    state("account-payers", "billing.show", OLGA, "{subaccount}"),
]
