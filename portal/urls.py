"""URLs of things and of static files: which page shows a (kind, ID).

No other module knows it. An application context is enough, so that the worker's mails can link to
the same pages.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import current_app, has_request_context, request, url_for

PAGES: dict[str, tuple[str, ...]] = {
    # kind: (endpoint, its argument for the ID, its argument for the account)
    "account": ("console.billing.show", "account_id"),
    "accounts": ("console.billing.index",),
    "cloud": ("console.clouds.show", "cloud_id"),
    "console": ("console.home",),
    "customer": ("partner.customers.show", "customer_id", "account_id"),
    "email-change": ("profile.confirm_email", "token"),
    "invitation": ("invites.show", "ident"),
    "notifications": ("notifications.index",),
    "notification-settings": ("notifications.choose",),
    "forgot-password": ("password_reset.ask",),
    "password-reset": ("password_reset.choose", "token"),
    "sign-in": ("auth.sign_in",),
    "statement": ("console.statements.show", "statement_id"),
    "team": ("partner.team.index", "account_id"),
    "verification": ("auth.verify", "token"),
    "work": ("operator.show_work",),
}


def path(kind: str, thing_id: str = "", account_id: str | None = None) -> str:
    """The path of the page that shows a thing. `account_id`: the account whose portal the page
    belongs to, for kinds that need one. Raises KeyError for an unknown kind."""
    endpoint, *arguments = PAGES[kind]
    values = dict(zip(arguments, (thing_id, account_id), strict=False))
    return current_app.url_map.bind("").build(endpoint, values)


def asset(path: str) -> str:
    """The URL of a static file, with a fingerprint of its content. A page has some twenty."""
    prefix = request.script_root if has_request_context() else ""
    return _asset(str(current_app.static_folder), prefix, path)


@cache
def _asset(folder: str, _prefix: str, path: str) -> str:
    return url_for("static", filename=path, v=_fingerprint(folder, path))


@cache
def _fingerprint(folder: str, path: str) -> str:
    return hashlib.sha256((Path(folder) / path).read_bytes()).hexdigest()[:12]
