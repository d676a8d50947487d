"""The management console: home, billing, clouds and access to them."""

from portal.console import (
    access,
    accesses,
    billing,
    budget,
    claims,
    closing,
    clouds,
    linking,
    logos,
    statements,
    usage,
)
from portal.console.home import blueprint

for screen in (
    *(billing, usage, budget, statements),
    *(clouds, access, accesses, linking, claims, logos),
):
    blueprint.register_blueprint(screen.blueprint)
