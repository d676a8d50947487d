"""The settings in force: read, parsed, checked; what a start does not accept.

Settings come from the environment, else from `.env` in the project's folder, else their default.
The README's table is made of `SETTINGS`, and a test holds the two together.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from portal.config.settings import SETTINGS, Setting
from portal.domain.policy import Policy, SignUpPolicy

__all__ = [
    "LOOPBACK",
    "MAX_BODY_BYTES",
    "MAX_FILE_BYTES",
    "MIN_SECRET_LENGTH",
    "ROOT",
    "SETTINGS",
    "Setting",
    "Unsafe",
    "load",
    "mailbox_dir",
    "policy_of",
    "readme_table",
]

ROOT = Path(__file__).resolve().parent.parent.parent
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MIN_SECRET_LENGTH = 32
MAX_BODY_BYTES = 256 * 1024
MAX_FILE_BYTES = 4 * 1024 * 1024
"""Of an import: 5,000 customers with 800 bytes each."""


class Unsafe(Exception):
    """The settings do not allow a start; the message says which and why."""


def load(overrides: Mapping[str, str] | None = None) -> dict[str, Any]:
    """All settings, parsed and checked. Raises Unsafe, naming every setting at fault."""
    given = {**dotenv_values(ROOT / ".env"), **os.environ, **(overrides or {})}
    is_local = (given.get("PORTAL_ENV") or "local").strip() == "local"
    values: dict[str, Any] = {}
    faults: list[str] = []
    for setting in SETTINGS:
        default = setting.local if is_local and setting.local is not None else setting.default
        raw = values[setting.name] = (given.get(setting.name) or "").strip() or default
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
        raise Unsafe("The portal does not start:\n- " + "\n- ".join(faults))
    if is_local:
        _help_out(values)
    return values


def _local_faults(values: dict[str, Any]) -> list[str]:
    """A local run has accounts whose password is printed, and mails that anyone here may read."""
    for_all = "; with that only PORTAL_ENV=production starts, a local run is for this machine alone"
    faults = []
    if values["HOST"] not in LOOPBACK:
        faults.append("HOST is reached from other machines" + for_all)
    if values["EXTERNAL_URL"].startswith("https://"):
        faults.append("EXTERNAL_URL begins with https://" + for_all)
    return faults


def _production_faults(values: dict[str, Any]) -> list[str]:
    required = ("EXTERNAL_URL", "SECRET_KEY", "PRODUCT_NAME", "MAIL_SERVER", "MAIL_DEFAULT_SENDER")
    faults = [f"{name} is missing" for name in required if not values[name]]
    if values["EXTERNAL_URL"].startswith("http://"):
        faults.append("EXTERNAL_URL must begin with https://")
    if os.environ.get("FLASK_DEBUG", "0") not in ("", "0"):
        faults.append("FLASK_DEBUG shows the code and its values to whoever meets a fault")
    secret = values["SECRET_KEY"]
    if secret and (len(secret) < MIN_SECRET_LENGTH or len(set(secret)) < 10):
        faults.append(
            f"SECRET_KEY is too weak: {MIN_SECRET_LENGTH} random characters or more, for example "
            "from `python3 -c 'import secrets; print(secrets.token_urlsafe(48))'`"
        )
    return faults


def _help_out(values: dict[str, Any]) -> None:
    """What a local run may leave out."""
    if not values["EXTERNAL_URL"]:
        host = values["HOST"] if values["HOST"] in LOOPBACK else "127.0.0.1"
        values["EXTERNAL_URL"] = f"http://{f'[{host}]' if ':' in host else host}:{values['PORT']}"
    if not values["SECRET_KEY"]:
        values["SECRET_KEY"] = _kept_secret(ROOT / "instance" / "secret_key")


def _kept_secret(kept: Path) -> str:
    """Made once, whole or not at all, for its owner alone; processes that start together agree."""
    if not kept.exists():
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor, fresh = tempfile.mkstemp(dir=kept.parent)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            kept.hardlink_to(fresh)
        Path(fresh).unlink()
    return kept.read_text()


def policy_of(values: Mapping[str, Any]) -> Policy:
    """What the settings say about the business."""
    return Policy(
        sign_up=SignUpPolicy(values["SIGN_UP"]),
        initial_grant=values["INITIAL_GRANT"],
        initial_grant_lasts=timedelta(days=values["INITIAL_GRANT_DAYS"]),
        customer_email_domains=values["CUSTOMER_EMAIL_DOMAINS"],
        currency=values["CURRENCY"],
        access_propagation=timedelta(seconds=values["ACCESS_PROPAGATION_SECONDS"]),
        invitations_per_day=values["INVITATIONS_PER_DAY"],
    )


def mailbox_dir(values: Mapping[str, Any]) -> Path | None:
    """Where mails become files: only without a relay, outside production, on a loopback address."""
    if values["MAIL_SERVER"] or values["PORTAL_ENV"] == "production":
        return None
    return ROOT / values["MAILBOX_DIR"] if values["HOST"] in LOOPBACK else None


def readme_table() -> str:
    """The README's table of settings."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for setting in SETTINGS:
        default = f"`{setting.default}`" if setting.default else "–"
        if setting.local is not None:
            default += f"; local: `{setting.local}`"
        rows.append(f"| `{setting.name}` | {default} | {setting.meaning} |")
    return "\n".join(rows)
