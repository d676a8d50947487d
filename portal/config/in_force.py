"""The settings in force as text, without secrets."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import make_url

from portal.config.settings import SETTINGS, Settings

SECRETS = frozenset({"SECRET_KEY", "SECRET_KEY_OLD", "METRICS_TOKEN", "MAIL_PASSWORD"})
SET = "•••"
"""In place of a secret that is set."""


def texts_in_force(settings: Settings) -> dict[str, str]:
    """The values by name; an empty one is the empty text."""
    return {it.name: _text(it.name, getattr(settings, it.name.lower())) for it in SETTINGS}


def _text(name: str, value: Any) -> str:
    if name in SECRETS:
        return SET if value else ""
    if name == "DATABASE_URL":
        return make_url(value).render_as_string(hide_password=True)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
