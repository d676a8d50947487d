"""The table in `docs/settings.md`, made from the definitions."""

from __future__ import annotations

from portal.config.settings import SETTINGS


def settings_table() -> str:
    """All settings, as a table of Markdown."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for setting in SETTINGS:
        default = f"`{setting.default}`" if setting.default else "–"
        if setting.local is not None:
            default += f"; local: `{setting.local}`"
        rows.append(f"| `{setting.name}` | {default} | {setting.meaning} |")
    return "\n".join(rows)
