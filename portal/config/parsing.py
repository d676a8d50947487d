"""Parsers of settings: each returns the value, or raises ValueError with what it must be."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Network, IPv6Network, ip_network
from zoneinfo import ZoneInfo

from babel.numbers import list_currencies

from portal.config.audit_keys import read_audit_keys
from portal.config.credentials_keys import read_credentials_keys

_NO_HOST = re.compile(r"[\s/@,\[\]]|^[^:]*:\d*$")
DOMAINS_EXPECTED = "must be domains such as example.com, *.example.org"


def one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of: {', '.join(allowed)}")
        return value

    return parse


def yes_or_no(value: str) -> bool:
    return one_of("yes", "no")(value) == "yes"


def matching(pattern: str, description: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value and not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(f"must be {description}")
        return value.rstrip("/")

    return parse


def amount(value: str) -> Decimal:
    with suppress(InvalidOperation):  # not a number, or NaN
        amount = Decimal(value)
        if 0 <= amount <= 10**12 and amount == round(amount, 6):
            return amount
    raise ValueError("must be an amount such as 4000 or 49.50, at most a trillion")


def number(lowest: int, highest: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", value) or not lowest <= int(value) <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return int(value)

    return parse


def optional_number(lowest: int, highest: int) -> Callable[[str], int | None]:
    return lambda value: number(lowest, highest)(value) if value else None


def zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be a time zone such as Europe/Berlin") from None
    return value


def optional_zone(value: str) -> str:
    return zone(value) if value else value


def currency(value: str) -> str:
    if value not in list_currencies():
        raise ValueError("must be an ISO 4217 code such as EUR")
    return value


def texts(value: str) -> tuple[str, ...]:
    """The parts of a comma-separated list."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be one line of text")
    return value


def lines(value: str) -> tuple[str, ...]:
    """The lines of a text, separated by semicolons."""
    return tuple(part.strip() for part in line(value).split(";") if part.strip())


def hosts(value: str) -> tuple[str, ...]:
    hosts = texts(value.casefold())
    if any(map(_NO_HOST.search, hosts)):
        raise ValueError("must be names or IP addresses without port, such as database, 10.0.0.5")
    return hosts


def host(value: str) -> str:
    if _NO_HOST.search(value):
        raise ValueError("must be a host name or IP address without port, such as smtp.example.com")
    return value


def networks(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(network) for network in texts(value))
    except ValueError:
        raise ValueError("must be networks such as 10.0.0.0/8, fd00::/8") from None


def domains(value: str) -> tuple[str, ...]:
    """Checks only their form; the domain refuses look-alikes."""
    domains = texts(value.lower())
    if not all(re.fullmatch(r"(\*\.)?[^\s@*.]+(\.[^\s@*.]+)+", domain) for domain in domains):
        raise ValueError(DOMAINS_EXPECTED)
    return domains


def database_url(value: str) -> str:
    value = re.sub("^postgres(ql)?://", "postgresql+psycopg://", value)
    if not re.match(r"sqlite:///[^:]|postgresql\+psycopg://.", value):
        raise ValueError("must begin with sqlite:/// and a path, or with postgresql://")
    return value


def token(value: str) -> str:
    if value and not re.fullmatch("[!-~]{20,}", value):
        raise ValueError("must be 20 printable ASCII characters or more, without blanks")
    return value


def certificates(value: str) -> str:
    try:
        if value:
            ssl.create_default_context(cafile=value)
    except OSError:
        raise ValueError("must be a file of certificates, in PEM form") from None
    return value


def audit_keys(value: str) -> str:
    read_audit_keys(value)
    return value


def credentials_keys(value: str) -> str:
    read_credentials_keys(value)
    return value
