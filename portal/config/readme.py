"""The table of settings in the README, made from their definitions."""

from __future__ import annotations

from portal.config.settings import SETTINGS


def readme_table() -> str:
    """The table of settings in the README, as Markdown."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for setting in SETTINGS:
        default = f"`{setting.default}`" if setting.default else "–"
        if setting.local is not None:
            default += f"; local: `{setting.local}`"
        rows.append(f"| `{setting.name}` | {default} | {setting.meaning} |")
    return "\n".join(rows)
