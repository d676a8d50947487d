"""Links in mails that prove their reader: signed, bound to a purpose, stored nowhere."""

from __future__ import annotations

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer


def sign(purpose: str, ident: str) -> str:
    """A token for a mail's link; whoever holds it received that mail."""
    return _serializer(purpose).dumps(ident)


def read(purpose: str, token: str) -> str | None:
    """The ID in the token, or None where it is not one of ours for this purpose."""
    try:
        ident = str(_serializer(purpose).loads(token))
    except BadSignature:
        return None
    # What no base64 is made of is skipped in reading, so other texts would be read as this one.
    return ident if sign(purpose, ident) == token else None


def _serializer(purpose: str) -> URLSafeSerializer:
    key = current_app.secret_key
    if not key:
        raise RuntimeError("no SECRET_KEY")
    return URLSafeSerializer(key, salt=f"mail:{purpose}")
