"""The management console: home, billing, clouds and access to them."""

from portal.console import access, billing, closing, clouds, linking
from portal.console.home import blueprint

for screen in (billing, clouds, access, linking):
    blueprint.register_blueprint(screen.blueprint)
