"""The partner portal: a partner's customers, team, activity and profile."""

from portal.partner import activity, customers, profile, team
from portal.partner.blueprint import blueprint

for screen in (customers, team, activity, profile):
    blueprint.register_blueprint(screen.blueprint)
