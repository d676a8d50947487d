"""The management console: home, billing, clouds and access to them."""

from portal.console import (
    access,
    accesses,
    billing,
    claims,
    closing,
    clouds,
    linking,
    logos,
    statements,
)
from portal.console.home import blueprint

for screen in (billing, clouds, access, accesses, linking, claims, logos, statements):
    blueprint.register_blueprint(screen.blueprint)
