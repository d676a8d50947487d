"""Hosts of URLs: one form for each, so that the start and the requests decide alike.

A browser changes a host before it sends it, by https://url.spec.whatwg.org/#host-parsing.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_URL = re.compile(r"(https?)://(.+?)(?::([0-9]{1,5}))?/?", re.DOTALL)
_NAME = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def in_url(address: str) -> str:
    """Return an address to listen on as it is in a URL: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def parse_host(host: str) -> str:
    """Return the host of a URL in its one form: a name in lower case without a dot at its end, an
    IPv4 address, or an IPv6 address in brackets. Raises ValueError if no browser sends it."""
    if host.startswith("[") and host.endswith("]") and "%" not in host:
        return f"[{IPv6Address(host[1:-1])}]"
    name = host.lower().removesuffix(".")
    if re.fullmatch(r"(.*\.)?([0-9]+|0x[0-9a-f]*)", name, re.DOTALL):  # browsers read a number
        return str(IPv4Address(name))
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise ValueError(f"{host!r} is no host")
    return name


def parse_external_url(value: str) -> str:
    """Return the URL as browsers show it, without a path; empty if it is empty.

    Raises ValueError if no browser opens it.
    """
    if not value:
        return value
    match = _URL.fullmatch(value)
    with suppress(ValueError):
        if match is not None and 1 <= int(match[3] or 1) <= 65535:
            port = int(match[3] or _DEFAULT_PORTS[match[1]])
            suffix = "" if port == _DEFAULT_PORTS[match[1]] else f":{port}"
            return f"{match[1]}://{parse_host(match[2])}{suffix}"
    raise ValueError("must be an address such as https://p.example")


def parse_listening(value: str) -> str:
    """Return an address to listen on; IPv6 is accepted with brackets as well."""
    bare = value.lower().removeprefix("[").removesuffix("]")
    with suppress(ValueError):
        return str(ip_address(bare))
    return value.lower()


@cache
def host_of(external_url: str) -> str:
    """Return the host of a parsed `EXTERNAL_URL`, as `parse_host` writes it."""
    return parse_host(re.sub(r"^https?://|:[0-9]+$", "", external_url))


def trusted(external_url: str, *, is_local: bool) -> frozenset[str]:
    """Return the hosts that requests may name, each in its one form."""
    external = host_of(external_url)
    return frozenset({external, *(map(in_url, LOOPBACK) if is_local else ())})


def is_trusted(host: str, trusted_hosts: frozenset[str]) -> bool:
    """Whether a Host header, perhaps with a port, names one of these hosts."""
    with suppress(ValueError):
        return parse_host(re.sub(r":[0-9]*$", "", host)) in trusted_hosts
    return False
