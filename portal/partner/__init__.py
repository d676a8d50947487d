"""The partner portal: a partner's customers, prices, team, activity and profile."""

from portal.partner import activity, customers, prices, profile, team
from portal.partner.blueprint import blueprint

for screen in (customers, prices, team, activity, profile):
    blueprint.register_blueprint(screen.blueprint)
