"""Signed tokens for links in mails: each is valid for one purpose; none is stored."""

from __future__ import annotations

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer


def sign(purpose: str, subject: str) -> str:
    """A token for a link in a mail. It proves that its bearer received the mail."""
    return _serializer(purpose).dumps(subject)


def read(purpose: str, token: str) -> str | None:
    """The subject of the token; None if the token was not signed for this purpose."""
    try:
        subject = str(_serializer(purpose).loads(token))
    except BadSignature:
        return None
    # The base64 decoder skips foreign characters, so other texts would be read as this token.
    return subject if sign(purpose, subject) == token else None


def _serializer(purpose: str) -> URLSafeSerializer:
    key = current_app.secret_key
    if not key:
        raise RuntimeError("no SECRET_KEY")
    return URLSafeSerializer(key, salt=f"mail:{purpose}")
