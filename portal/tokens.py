"""Signed tokens for links in mails: each is valid for one purpose; none is stored."""

from __future__ import annotations

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer


def sign(purpose: str, subject: str) -> str:
    """A token for a link in a mail. It proves that its bearer received the mail."""
    return _serializers(purpose)[0].dumps(subject)


def read(purpose: str, token: str) -> str | None:
    """The subject of the token; None if the token was not signed for this purpose."""
    for serializer in _serializers(purpose):
        try:
            subject = str(serializer.loads(token))
        except BadSignature:
            continue
        # The base64 decoder skips foreign characters: other texts would be read as this token.
        return subject if serializer.dumps(subject) == token else None
    return None


def _serializers(purpose: str) -> list[URLSafeSerializer]:
    """One for each key: the key that signs, then those before it."""
    key = current_app.secret_key
    if not key:
        raise RuntimeError("no SECRET_KEY")
    keys = [key, *current_app.config["SECRET_KEY_FALLBACKS"]]
    return [URLSafeSerializer(key, salt=f"mail:{purpose}") for key in keys]
