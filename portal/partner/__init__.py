"""The partner portal: a partner's customers, team and activity."""

from portal.partner import activity, customers, team
from portal.partner.blueprint import blueprint

for screen in (customers, team, activity):
    blueprint.register_blueprint(screen.blueprint)
