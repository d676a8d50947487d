"""The partner portal: a partner's customers, usage, team, activity and profile."""

from portal.partner import activity, customers, profile, team, usage
from portal.partner.blueprint import blueprint

for screen in (customers, usage, team, activity, profile):
    blueprint.register_blueprint(screen.blueprint)
