"""TLS to PostgreSQL: in production a connection to another machine must be encrypted."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Collection
from itertools import zip_longest

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

ENCRYPTED = ("require", "verify-ca", "verify-full")
"""The values of libpq's `sslmode` that never fall back to a connection without TLS."""

OPTIONS = ("sslmode", "hostaddr", "host", "service")
"""Options of libpq. Each is taken from the URL, else from a variable such as PGSSLMODE."""


def faults(url: str, plain_hosts: Collection[str]) -> list[str]:
    """A sentence that names the hosts which the URL may reach without TLS, if there are any.
    `plain_hosts` are those that may be so reached, beside loopback addresses and sockets."""
    hosts = [host for host in _hosts_without_tls(url) if host.casefold() not in plain_hosts]
    if not hosts:
        return []
    return [
        f"DATABASE_URL reaches {', '.join(hosts)} without TLS: add ?sslmode=verify-full (or "
        "require) to it, or name hosts of a private network in DATABASE_PLAIN_HOSTS"
    ]


def _hosts_without_tls(url: str) -> list[str]:
    """The other machines of libpq's connection, unless it requires TLS. A service of its file
    `pg_service.conf` counts as another machine."""
    if not url.startswith("postgresql"):
        return []
    try:
        parsed = make_url(url)
        _arguments, given = parsed.get_dialect()().create_connect_args(parsed)
    except (ArgumentError, ValueError):
        return []  # the engine says what is wrong
    options = {
        option: given.get(option) or os.environ.get(f"PG{option.upper()}", "") for option in OPTIONS
    }
    if options["sslmode"] in ENCRYPTED:
        return []
    if options["service"]:  # its file may set any address
        return [options["service"]]
    # libpq takes the name of a host in the list whose address is empty.
    addresses = options["hostaddr"].split(",")
    names = options["host"].split(",")
    hosts = [address or name for address, name in zip_longest(addresses, names, fillvalue="")]
    return [host for host in hosts if not _is_local(host)]


def _is_local(host: str) -> bool:
    """Whether the host is this machine: a socket (its folder, an abstract name, the default) or a
    loopback address."""
    if not host or host.startswith(("/", "@")) or host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
