"""Other settings for an application that runs already."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Flask


def change_settings(app: Flask, **values: Any) -> None:
    """From now on these settings are in force: `change_settings(app, mail_port=25)`."""
    app.extensions["settings"] = replace(app.extensions["settings"], **values)
