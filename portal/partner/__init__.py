"""The partner portal: a partner's customers, usage, prices, team, activity and profile."""

from portal.partner import activity, customers, prices, profile, team, usage
from portal.partner.blueprint import blueprint

for screen in (customers, usage, prices, team, activity, profile):
    blueprint.register_blueprint(screen.blueprint)
