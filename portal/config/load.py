"""Load the settings: read, parse and check them; refuse to start if they are unsafe.

A setting comes from the environment, else from `.env` in the project's folder, else its default.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from portal.config import database_tls, hosts, settings
from portal.config.hosts import LOOPBACK
from portal.config.settings import SETTINGS, Settings

MIN_SECRET_LENGTH = 32


class UnsafeSettings(Exception):
    """The portal can't start with these settings; the message lists all faults."""

    def __init__(self, *faults: str) -> None:
        super().__init__("The portal does not start:\n- " + "\n- ".join(faults))
        self.faults = faults


def load(overrides: Mapping[str, str] | None = None) -> Settings:
    """All settings, parsed and checked. `overrides` take precedence over the environment.

    Raises UnsafeSettings.
    """
    raw_values = {**dotenv_values(settings.ROOT / ".env"), **os.environ, **(overrides or {})}
    is_local = (raw_values.get("PORTAL_ENV") or "local").strip() == "local"
    values: dict[str, Any] = {}
    faults: list[str] = []
    for setting in SETTINGS:
        default = setting.local if is_local and setting.local is not None else setting.default
        raw = values[setting.name] = (raw_values.get(setting.name) or "").strip() or default
        try:
            values[setting.name] = setting.parse(raw)
        except ValueError as error:
            faults.append(f"{setting.name} {error}")
    if values["MAIL_SECURITY"] == "plain" and values["MAIL_SERVER"] not in ("", *LOOPBACK):
        faults.append("MAIL_SECURITY plain is readable on its way: only for a loopback address")
    if not is_local:
        faults += _production_faults(values)
    elif not faults:
        faults = _local_faults(values)
    if faults:
        raise UnsafeSettings(*faults)
    if is_local:
        _add_local_defaults(values)
    values["BILLING_TIME_ZONE"] = values["BILLING_TIME_ZONE"] or values["TIME_ZONE"]
    return Settings(**{name.lower(): value for name, value in values.items()})


def _local_faults(values: dict[str, Any]) -> list[str]:
    """A local run prints passwords and shows mails to everyone: only for this machine."""
    advice = "; with that only PORTAL_ENV=production starts, a local run is for this machine alone"
    faults = []
    if values["HOST"] not in LOOPBACK:
        faults.append("HOST is reached from other machines" + advice)
    if values["EXTERNAL_URL"].startswith("https://"):
        faults.append("EXTERNAL_URL begins with https://" + advice)
    return faults


def _production_faults(values: dict[str, Any]) -> list[str]:
    required = ("EXTERNAL_URL", "SECRET_KEY", "PRODUCT_NAME", "MAIL_SERVER", "MAIL_DEFAULT_SENDER")
    faults = [f"{name} is missing" for name in required if not values[name]]
    if values["EXTERNAL_URL"].startswith("http://"):
        faults.append("EXTERNAL_URL must begin with https://")
    if os.environ.get("FLASK_DEBUG", "0") not in ("", "0"):
        faults.append("FLASK_DEBUG shows the code and its values to everybody who meets a fault")
    if _is_weak(values["SECRET_KEY"]):
        faults.append(
            f"SECRET_KEY is too weak: {MIN_SECRET_LENGTH} random characters or more, for example "
            "from `python3 -c 'import secrets; print(secrets.token_urlsafe(48))'`"
        )
    if any(map(_is_weak, values["SECRET_KEY_OLD"])):
        faults.append("SECRET_KEY_OLD has a key that is too weak: remove it")
    faults += database_tls.faults(values["DATABASE_URL"], values["DATABASE_PLAIN_HOSTS"])
    return faults


def _is_weak(secret: str) -> bool:
    return bool(secret) and (len(secret) < MIN_SECRET_LENGTH or len(set(secret)) < 10)


def _add_local_defaults(values: dict[str, Any]) -> None:
    """Add the settings that a local run may leave out."""
    if not values["EXTERNAL_URL"]:
        values["EXTERNAL_URL"] = f"http://{hosts.in_url(values['HOST'])}:{values['PORT']}"
    if not values["SECRET_KEY"]:
        values["SECRET_KEY"] = _load_or_create_secret(settings.ROOT / "instance" / "secret_key")
    if not values["CREDENTIALS_KEY_FILE"]:
        values["CREDENTIALS_KEY_FILE"] = str(settings.ROOT / "instance" / "credentials_keys")


def _load_or_create_secret(path: Path) -> str:
    """The secret in the file, which is created atomically and readable only by its owner. Processes
    that start together read the same secret."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            path.hardlink_to(temporary)
        Path(temporary).unlink()
    return path.read_text()
