"""Security and caching headers of every response."""

from __future__ import annotations

from flask import Response, request

from portal import config
from portal.i18n import languages

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

A_YEAR = "max-age=31536000, immutable"


def keep_in_browser(response: Response) -> None:
    """Let the user's browser keep a response for a year: another content has another URL."""
    response.headers["Cache-Control"] = f"private, {A_YEAR}"


def add_headers(response: Response) -> Response:
    """Add security headers to a response; pages are not cached, files with a version are."""
    headers = response.headers
    headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["X-Frame-Options"] = "DENY"
    settings = config.current()
    if settings.external_url.startswith("https://"):
        subdomains = "; includeSubDomains" if settings.hsts_include_subdomains else ""
        headers["Strict-Transport-Security"] = f"max-age=31536000{subdomains}"
    if request.endpoint == "static" and response.status_code < 400:
        if "v" in request.args:
            headers["Cache-Control"] = f"public, {A_YEAR}"
    else:
        headers.setdefault("Cache-Control", "no-store")
        response.vary.add("HX-Request")
        if response.mimetype == "text/html" and not 300 <= response.status_code < 400:
            headers["Content-Language"] = languages.page_language()
            response.vary.update(("Accept-Language", "Cookie"))
    return response
