"""Every setting: its default, its meaning, what it may be."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from babel.numbers import list_currencies

from portal.db import MICRO
from portal.domain.policy import SignUpPolicy
from portal.domain.values import Invalid, in_domains


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
    except Invalid:
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
    Setting(
        "ACCESS_PROPAGATION_SECONDS", "180", "until a given role works", _number(0, 86400), "20"
    ),
    Setting(
        "INVITATIONS_PER_DAY",
        "50",
        "new customers that a partner may add in 24 hours; each gets a mail",
        _number(1, 10_000),
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
