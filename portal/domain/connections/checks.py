"""Checks of the fields of a connection, without asking a cloud.

Each returns the value to keep, or raises Invalid with the reason against what was typed.
"""

from __future__ import annotations

import re
import ssl
import textwrap
from collections.abc import Callable

from babel.numbers import list_currencies
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from portal import server_urls, webhook_signatures
from portal.domain import values
from portal.domain.errors import Code
from portal.domain.values import Invalid

MAX_LINE, MAX_TEXT = 255, 100_000
KEYSTONE = "v3"
"""The version of its API, which ends its address."""
EXTERNAL_ID = "{id}"
"""Where the cloud's own ID belongs in the address of its console."""


def line(value: str) -> str:
    """A name, as the cloud has it."""
    return values.line(value, limit=MAX_LINE)


def secret(value: str) -> str:
    """A secret as it was typed."""
    if len(value) > MAX_LINE:
        raise Invalid(Code.TOO_LONG, limit=MAX_LINE, length=len(value))
    if not value.isprintable():
        raise Invalid(Code.NOT_TEXT)
    return value


def webhook_secret(value: str) -> str:
    """A secret of Standard Webhooks, of 24 bytes or more."""
    value = value.strip()
    try:
        webhook_signatures.key(value)
    except ValueError:
        raise Invalid(Code.WEBHOOK_SECRET_FORMAT) from None
    return value


def url(value: str) -> str:
    """The address of a server."""
    value = value.strip()
    try:
        server_urls.split(value)
    except ValueError:
        raise Invalid(Code.URL_FORMAT) from None
    return values.line(value, limit=MAX_LINE)


def keystone_url(value: str) -> str:
    """The address of Keystone v3; its version is added if it is left out."""
    value = url(value).rstrip("/")
    return value if value.rpartition("/")[2] == KEYSTONE else f"{value}/{KEYSTONE}"


def network_name(value: str) -> str:
    """The name of a network of LXD."""
    value = value.strip()
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,63}", value):
        raise Invalid(Code.NETWORK_NAME)
    return value


def console_url(value: str) -> str:
    """An address with `{id}` in it."""
    plain = url(value.replace(EXTERNAL_ID, "id"))
    if EXTERNAL_ID not in value or re.search("[{}]", plain):
        raise Invalid(Code.URL_PLACEHOLDER)
    return value.strip()


def certificates(value: str) -> str:
    """Certificates to trust, in PEM form."""
    if len(value) > MAX_TEXT:
        raise Invalid(Code.TOO_LONG, limit=MAX_TEXT, length=len(value))
    try:
        ssl.create_default_context(cadata=value)
    except (ssl.SSLError, TypeError, ValueError):
        raise Invalid(Code.CERTIFICATES_FORMAT) from None
    return value.strip()


def private_key(value: str) -> str:
    """A private key in PEM form, without a password. Its lines may have become one: an input for
    secrets has no lines."""
    parts = re.fullmatch(
        r"\s*-----BEGIN ([A-Z ]*PRIVATE KEY)-----([\sA-Za-z0-9+/=]+)-----END \1-----\s*", value
    )
    if parts is None or len(value) > MAX_TEXT:
        raise Invalid(Code.PRIVATE_KEY_FORMAT)
    lines = textwrap.wrap("".join(parts[2].split()), 64)
    key = "\n".join((f"-----BEGIN {parts[1]}-----", *lines, f"-----END {parts[1]}-----"))
    try:
        serialization.load_pem_private_key(key.encode(), None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise Invalid(Code.PRIVATE_KEY_FORMAT) from None
    return key


def fingerprint(value: str) -> str:
    """The SHA-256 of a certificate, in hexadecimal; colons and case are not kept."""
    digits = value.strip().replace(":", "").lower()
    if not re.fullmatch("[0-9a-f]{64}", digits):
        raise Invalid(Code.FINGERPRINT_FORMAT)
    return digits


def currency(value: str) -> str:
    """A currency by its code of ISO 4217."""
    code = value.strip().upper()
    if code not in list_currencies():
        raise Invalid(Code.CURRENCY_UNKNOWN)
    return code


def number(least: int, most: int) -> Callable[[str], str]:
    """The check of whole numbers in this range."""

    def check(value: str) -> str:
        value = value.strip()
        if not re.fullmatch("[0-9]{1,9}", value) or not least <= int(value) <= most:
            raise Invalid(Code.NUMBER_RANGE, least=least, most=most)
        return str(int(value))

    return check
