"""*This installation*: its version, the check of its data, its settings."""

from __future__ import annotations

from typing import Any

from portal import config, web
from portal.domain import work
from portal.operator.blueprint import blueprint


@blueprint.get("/installation")
def show_installation() -> Any:
    """Show version, the last check of the data and the settings in force, without secrets."""
    return web.page(
        "operator/installation.html",
        version=config.version(),
        doctor=work.latest_upkeep(web.actor(), "doctor"),
        settings=config.texts_in_force(config.current()),
    )
