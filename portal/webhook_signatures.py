"""Signatures of webhooks: Standard Webhooks 1.0, symmetric (HMAC-SHA256).

The signature covers the ID, the time and the body, but neither method nor path: a receiver decides
by the body alone. https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

PREFIX = "whsec_"
MAX_AGE = timedelta(minutes=5)
"""How far a message's time may be from now; for so long a receiver keeps the IDs it has seen."""


def new_secret() -> str:
    """A random secret of 32 bytes, as it is shown to people."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key(secret: str) -> bytes:
    """The key in a secret. Raises ValueError if it is none, or shorter than 24 bytes."""
    if not secret.startswith(PREFIX):
        raise ValueError("no whsec_")
    value = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    if len(value) < 24:
        raise ValueError("too short")
    return value


def sign(secret: str, webhook_id: str, body: bytes, *, at: datetime) -> dict[str, str]:
    """The headers of a message; the ID has no full stop. Raises ValueError, see `key`."""
    timestamp = str(int(at.timestamp()))
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + _signature(secret, webhook_id, timestamp, body),
    }


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, now: datetime) -> str | None:
    """The ID of a message that is signed with the secret and at most MAX_AGE old; None: it is not.

    The caller accepts each ID once. `headers` finds names in lower case.
    """
    webhook_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not webhook_id or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12):
        return None
    if abs(now - datetime.fromtimestamp(int(timestamp), UTC)) > MAX_AGE:
        return None
    expected = f"v1,{_signature(secret, webhook_id, timestamp, body)}".encode()
    given = headers.get("webhook-signature", "").split(" ")  # several while a secret is changed
    is_signed = any(hmac.compare_digest(one.encode(), expected) for one in given)
    return webhook_id if is_signed else None


def _signature(secret: str, webhook_id: str, timestamp: str, body: bytes) -> str:
    content = f"{webhook_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(key(secret), content, hashlib.sha256)).decode()
