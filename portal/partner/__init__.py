"""The partner portal: a partner's customers, prices, statements, team, activity and profile."""

from portal.partner import activity, customers, prices, profile, statements, team
from portal.partner.blueprint import blueprint

for screen in (customers, prices, statements, team, activity, profile):
    blueprint.register_blueprint(screen.blueprint)
