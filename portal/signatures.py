"""Signatures of cookies, form tokens and links in mails: HMAC-SHA-256 for all of them."""

from __future__ import annotations

import hashlib

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import Signer


class _Sessions(SecureCookieSessionInterface):
    digest_method = staticmethod(hashlib.sha256)


def register(app: Flask) -> None:
    """Sign with SHA-256; the libraries would use SHA-1, which is not approved for an HMAC.

    Flask-WTF has no setting for its tokens: they use the default of all signers.
    """
    Signer.default_digest_method = staticmethod(hashlib.sha256)
    app.session_interface = _Sessions()
