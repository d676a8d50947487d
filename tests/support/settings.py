"""Settings in tests: change those of a running application, or begin without any."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from portal import config


def change_settings(app: Flask, **values: Any) -> None:
    """Replace these settings: `change_settings(app, mail_port=25)`."""
    app.extensions["settings"] = replace(app.extensions["settings"], **values)


def clear_environment(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Take `root`, an empty folder, for the project's, and an environment that sets nothing."""
    for setting in config.SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)
    monkeypatch.setattr("portal.config.settings.ROOT", root)
