"""All settings: type, default, meaning and allowed values."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from zoneinfo import ZoneInfo

from babel.numbers import list_currencies

ROOT = Path(__file__).resolve().parent.parent.parent
DOMAINS_EXPECTED = "must be domains such as example.com, *.example.org"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Setting:
    """The definition of a setting. `parse` raises ValueError for a value that is not allowed."""

    default: str
    meaning: str
    parse: Callable[[str], Any] = str
    local: str | None = None
    """The default of a local run, if it differs."""
    name: str = ""


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of: {', '.join(allowed)}")
        return value

    return parse


def _matching(pattern: str, description: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value and not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(f"must be {description}")
        return value.rstrip("/")

    return parse


def _amount(value: str) -> Decimal:
    with suppress(InvalidOperation):  # not a number, or NaN
        amount = Decimal(value)
        if 0 <= amount <= 10**12 and amount == round(amount, 6):
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
    """Checks only their form; the domain refuses look-alikes."""
    domains = tuple(part.strip().lower() for part in value.split(",") if part.strip())
    if not all(re.fullmatch(r"(\*\.)?[^\s@*.]+(\.[^\s@*.]+)+", domain) for domain in domains):
        raise ValueError(DOMAINS_EXPECTED)
    return domains


def _database_url(value: str) -> str:
    value = re.sub("^postgres(ql)?://", "postgresql+psycopg://", value)
    if not re.match(r"sqlite:///[^:]|postgresql\+psycopg://.", value):
        raise ValueError("must begin with sqlite:/// and a path, or with postgresql://")
    return value


def _token(value: str) -> str:
    if value and not re.fullmatch("[!-~]{20,}", value):
        raise ValueError("must be 20 printable ASCII characters or more, without blanks")
    return value


def _certificates(value: str) -> str:
    try:
        if value:
            ssl.create_default_context(cafile=value)
    except OSError:
        raise ValueError("must be a file of certificates, in PEM form") from None
    return value


@dataclass(frozen=True, kw_only=True, repr=False)  # no secrets in tracebacks
class Settings:
    """The settings in force. Each field is read from the variable of its name in capitals."""

    portal_env: Annotated[
        str,
        Setting(
            "local",
            "`local`: helps with missing settings, for trying out and developing; "
            "`production`: refuses to start with an unsafe or missing setting",
            _one_of("local", "production"),
        ),
    ]
    host: Annotated[str, Setting("127.0.0.1", "address the web server listens on")]
    port: Annotated[int, Setting("8000", "port the web server listens on", _number(1, 65535))]
    external_url: Annotated[
        str,
        Setting(
            "",
            "address under which people reach the portal, in every link of a mail; other hosts are "
            "answered 400; empty: `http://HOST:PORT` (production: required, https)",
            _matching(
                r"https?://([\w.-]+|\[[\da-f:]+\])(:\d+)?/?", "an address such as https://p.example"
            ),
        ),
    ]
    trusted_proxies: Annotated[
        int,
        Setting("0", "how many reverse proxies in front set X-Forwarded-* headers", _number(0, 5)),
    ]
    database_url: Annotated[
        str,
        Setting(
            "sqlite:///instance/portal.db",
            "`sqlite:///path` or `postgresql://user:password@host/name`",
            _database_url,
        ),
    ]
    secret_key: Annotated[
        str,
        Setting(
            "",
            "signs cookies and links in mails, 32 characters or more; empty: made and kept in "
            "`instance/secret_key` (production: required)",
        ),
    ]
    product_name: Annotated[
        str,
        Setting(
            "",
            "name of the cloud in every page and mail (production: required)",
            local="Northfold Cloud",
        ),
    ]
    sign_up: Annotated[
        str,
        Setting(
            "open",
            "who may sign up: `open`, `invited` (an open invitation, or `user allow`), `closed`",
            _one_of("open", "invited", "closed"),
        ),
    ]
    currency: Annotated[str, Setting("EUR", "the installation's one currency, ISO 4217", _currency)]
    initial_grant: Annotated[
        Decimal,
        Setting("0", "money given once, on a client's first account", _amount, local="4000"),
    ]
    initial_grant_days: Annotated[int, Setting("60", "days until it expires", _number(1, 3650))]
    customer_email_domains: Annotated[
        tuple[str, ...],
        Setting(
            "", "comma-separated domains which a customer's e-mail must be in; empty: any", _domains
        ),
    ]
    access_propagation_seconds: Annotated[
        int, Setting("180", "until a given role works", _number(0, 86400), local="20")
    ]
    invitations_per_day: Annotated[
        int,
        Setting(
            "50",
            "new customers that a partner may add in 24 hours; each gets a mail",
            _number(1, 10_000),
        ),
    ]
    metrics_port: Annotated[
        int,
        Setting(
            "0",
            "port of the loopback address at which the worker serves `/metrics` for Prometheus; "
            "0: none",
            _number(0, 65535),
        ),
    ]
    metrics_token: Annotated[
        str,
        Setting(
            "",
            "token with which the web server serves `/metrics` (`Authorization: Bearer …`), 20 "
            "characters or more; empty: it does not",
            _token,
        ),
    ]
    time_zone: Annotated[str, Setting("UTC", "zone of times shown to people who chose none", _zone)]
    mail_server: Annotated[
        str,
        Setting(
            "",
            "SMTP relay; empty: mails become files that the *Mailbox* page shows "
            "(production: required)",
        ),
    ]
    mailbox_dir: Annotated[
        Path,
        Setting("instance/mailbox", "where those files are kept; not used in production", Path),
    ]
    mail_port: Annotated[int, Setting("587", "its port", _number(1, 65535))]
    mail_security: Annotated[
        str,
        Setting(
            "starttls",
            "`starttls` or `tls` with a verified certificate; `plain` on a loopback address only",
            _one_of("starttls", "tls", "plain"),
        ),
    ]
    mail_ca_file: Annotated[
        str, Setting("", "certificates to trust beside the system's, a PEM file", _certificates)
    ]
    mail_username: Annotated[str, Setting("", "account at the relay, if it wants one")]
    mail_password: Annotated[str, Setting("", "its password")]
    mail_default_sender: Annotated[
        str,
        Setting(
            "",
            "address mails come from (production: required)",
            _matching(
                r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+", "an address alone, such as portal@example.com"
            ),
            local="portal@northfold.example",
        ),
    ]


def _definitions() -> tuple[Setting, ...]:
    """The definitions of the fields of `Settings`, in their order."""
    hints = get_type_hints(Settings, include_extras=True)
    return tuple(replace(hint.__metadata__[0], name=name.upper()) for name, hint in hints.items())


SETTINGS = _definitions()


def mailbox_dir(settings: Settings) -> Path | None:
    """The folder of the mailbox; None if a relay is set, in production, or if other machines can
    reach the portal."""
    if settings.mail_server or settings.portal_env == "production":
        return None
    return ROOT / settings.mailbox_dir if settings.host in LOOPBACK else None


def readme_table() -> str:
    """The table of settings in the README, as Markdown."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for setting in SETTINGS:
        default = f"`{setting.default}`" if setting.default else "–"
        if setting.local is not None:
            default += f"; local: `{setting.local}`"
        rows.append(f"| `{setting.name}` | {default} | {setting.meaning} |")
    return "\n".join(rows)
