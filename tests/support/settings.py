"""Settings in tests: change those of a running application."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Flask


def change_settings(app: Flask, **values: Any) -> None:
    """Replace these settings: `change_settings(app, mail_port=25)`."""
    app.extensions["settings"] = replace(app.extensions["settings"], **values)
