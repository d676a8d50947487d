"""Every setting: its default, its meaning, and what production does not accept.

Settings come from the environment, else from `.env` in the project's folder, else their default.
The README's table is made of `SETTINGS`, and a test holds the two together.
"""

from __future__ import annotations

import os
import re
import secrets
import ssl
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.numbers import list_currencies
from dotenv import dotenv_values

from portal.db import MICRO
from portal.domain.contact import Malformed, in_domains
from portal.domain.terms import SignUpPolicy, Terms

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SECRET_SHORTEST = 32
BODY_LARGEST = 256 * 1024


class Unsafe(Exception):
    """The settings do not allow a start; the message says which and why."""


@dataclass(frozen=True)
class Setting:
    name: str
    default: str
    meaning: str
    parse: Callable[[str], Any] = str
    local: str | None = None
    """The default of a local run, where it differs."""


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of: {', '.join(allowed)}")
        return value

    return parse


def _like(pattern: str, what: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value and not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(f"must be {what}")
        return value.rstrip("/")

    return parse


def _amount(value: str) -> Decimal:
    with suppress(InvalidOperation):  # no number at all, or NaN
        amount = Decimal(value)
        if 0 <= amount <= 10**12 and amount == amount.quantize(MICRO):
            return amount
    raise ValueError("must be an amount such as 4000 or 49.50, at most a trillion")


def _number(lowest: int, highest: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", value) or not lowest <= int(value) <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return int(value)

    return parse


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be a time zone such as Europe/Berlin") from None
    return value


def _currency(value: str) -> str:
    if value not in list_currencies():
        raise ValueError("must be an ISO 4217 code such as EUR")
    return value


def _domains(value: str) -> tuple[str, ...]:
    domains = tuple(part.strip().lower() for part in value.split(",") if part.strip())
    try:
        for domain in domains:
            in_domains("somebody@example.com", (domain,))
    except Malformed:
        raise ValueError("must be domains such as example.com, *.example.org") from None
    return domains


def _database_url(value: str) -> str:
    value = re.sub("^postgres(ql)?://", "postgresql+psycopg://", value)
    if not re.match(r"sqlite:///[^:]|postgresql\+psycopg://.", value):
        raise ValueError("must begin with sqlite:/// and a path, or with postgresql://")
    return value


def _certificates(value: str) -> str:
    try:
        if value:
            ssl.create_default_context(cafile=value)
    except OSError:
        raise ValueError("must be a file of certificates, in PEM form") from None
    return value


SETTINGS = (
    Setting(
        "PORTAL_ENV",
        "local",
        "`local`: helps with missing settings, for trying out and developing; "
        "`production`: refuses to start with an unsafe or missing setting",
        _one_of("local", "production"),
    ),
    Setting("HOST", "127.0.0.1", "address the web server listens on"),
    Setting("PORT", "8000", "port the web server listens on", _number(1, 65535)),
    Setting(
        "EXTERNAL_URL",
        "",
        "address under which people reach the portal, in every link of a mail; other hosts are "
        "answered 400; empty: `http://HOST:PORT` (production: required, https)",
        _like(r"https?://([\w.-]+|\[[\da-f:]+\])(:\d+)?/?", "an address such as https://p.example"),
    ),
    Setting(
        "TRUSTED_PROXIES",
        "0",
        "how many reverse proxies in front set X-Forwarded-* headers",
        _number(0, 5),
    ),
    Setting(
        "DATABASE_URL",
        "sqlite:///instance/portal.db",
        "`sqlite:///path` or `postgresql://user:password@host/name`",
        _database_url,
    ),
    Setting(
        "SECRET_KEY",
        "",
        "signs cookies and links in mails, 32 characters or more; empty: made and kept in "
        "`instance/secret_key` (production: required)",
    ),
    Setting(
        "PRODUCT_NAME",
        "",
        "name of the cloud in every page and mail (production: required)",
        local="Northfold Cloud",
    ),
    Setting(
        "SIGN_UP",
        "open",
        "who may sign up: `open`, `invited` (an open invitation, or `user allow`), `closed`",
        _one_of(*SignUpPolicy),
    ),
    Setting("CURRENCY", "EUR", "the installation's one currency, ISO 4217", _currency),
    Setting(
        "INITIAL_GRANT", "0", "money given once, on a client's first account", _amount, local="4000"
    ),
    Setting("INITIAL_GRANT_DAYS", "60", "days until it expires", _number(1, 3650)),
    Setting(
        "CUSTOMER_EMAIL_DOMAINS",
        "",
        "comma-separated domains which a customer's e-mail must be in; empty: any",
        _domains,
    ),
    Setting("TIME_ZONE", "UTC", "zone of times shown to people who chose none", _zone),
    Setting(
        "MAIL_SERVER",
        "",
        "SMTP relay; empty: mails become files that the *Mailbox* page shows "
        "(production: required)",
    ),
    Setting(
        "MAILBOX_DIR", "instance/mailbox", "where those files are kept; not used in production"
    ),
    Setting("MAIL_PORT", "587", "its port", _number(1, 65535)),
    Setting(
        "MAIL_SECURITY",
        "starttls",
        "`starttls` or `tls` with a verified certificate; `plain` on a loopback address only",
        _one_of("starttls", "tls", "plain"),
    ),
    Setting(
        "MAIL_CA_FILE", "", "certificates to trust beside the system's, a PEM file", _certificates
    ),
    Setting("MAIL_USERNAME", "", "account at the relay, if it wants one"),
    Setting("MAIL_PASSWORD", "", "its password"),
    Setting(
        "MAIL_DEFAULT_SENDER",
        "",
        "address mails come from (production: required)",
        _like(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+", "an address alone, such as portal@example.com"),
        local="portal@northfold.example",
    ),
)


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
    faults += [] if is_local else _production_faults(values)
    if faults:
        raise Unsafe("The portal does not start:\n- " + "\n- ".join(faults))
    if is_local:
        _help_out(values)
    return values


def _production_faults(values: dict[str, Any]) -> list[str]:
    required = ("EXTERNAL_URL", "SECRET_KEY", "PRODUCT_NAME", "MAIL_SERVER", "MAIL_DEFAULT_SENDER")
    faults = [f"{name} is missing" for name in required if not values[name]]
    if values["EXTERNAL_URL"].startswith("http://"):
        faults.append("EXTERNAL_URL must begin with https://")
    secret = values["SECRET_KEY"]
    if secret and (len(secret) < SECRET_SHORTEST or len(set(secret)) < 10):
        faults.append(
            f"SECRET_KEY is too weak: {SECRET_SHORTEST} random characters or more, for example "
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
        kept.parent.mkdir(exist_ok=True)
        descriptor, fresh = tempfile.mkstemp(dir=kept.parent)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            kept.hardlink_to(fresh)
        Path(fresh).unlink()
    return kept.read_text()


def terms_of(values: Mapping[str, Any]) -> Terms:
    """What the settings say about the business."""
    return Terms(
        sign_up=SignUpPolicy(values["SIGN_UP"]),
        initial_grant=values["INITIAL_GRANT"],
        initial_grant_lasts=timedelta(days=values["INITIAL_GRANT_DAYS"]),
        customer_email_domains=values["CUSTOMER_EMAIL_DOMAINS"],
        currency=values["CURRENCY"],
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
