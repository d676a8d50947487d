"""Signed tokens for links in mails: each is valid for one purpose and epoch; none is stored."""

from __future__ import annotations

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer


def sign(purpose: str, subject: str, *, epoch: str) -> str:
    """A token for a link in a mail. It proves that its bearer received the mail."""
    return _serializers(purpose, epoch)[0].dumps(subject)


def read(purpose: str, token: str, *, epoch: str) -> str | None:
    """The subject of the token; None if it was not signed for this purpose in this epoch."""
    for serializer in _serializers(purpose, epoch):
        try:
            subject = str(serializer.loads(token))
        except BadSignature:
            continue
        # The base64 decoder skips foreign characters: other texts would be read as this token.
        return subject if serializer.dumps(subject) == token else None
    return None


def _serializers(purpose: str, epoch: str) -> list[URLSafeSerializer]:
    """One for each key: the key that signs, then those before it."""
    key = current_app.secret_key
    if not key:
        raise RuntimeError("no SECRET_KEY")
    keys = [key, *current_app.config["SECRET_KEY_FALLBACKS"]]
    salt = f"mail:{purpose}:{epoch}" if epoch else f"mail:{purpose}"
    return [URLSafeSerializer(key, salt=salt) for key in keys]
