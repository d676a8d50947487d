"""The partner portal: customers, usage, prices, budgets, statements, team, activity, profile."""

from portal.partner import (
    activity,
    budgets,
    customers,
    prices,
    profile,
    statements,
    team,
    usage,
)
from portal.partner.blueprint import blueprint

for screen in (customers, usage, prices, budgets, statements, team, activity, profile):
    blueprint.register_blueprint(screen.blueprint)
