"""Build the application: settings, extensions, surfaces, error pages, commands."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, Response, current_app, g, request, url_for
from flask_migrate import Migrate
from flask_wtf.csrf import generate_csrf
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

from portal import (
    callbacks,
    cli,
    config,
    console,
    db,
    health,
    help,
    invites,
    logs,
    mail,
    mailbox,
    metrics,
    operator,
    partner,
    signatures,
    urls,
    web,
)
from portal.account import (
    authentication,
    confirm,
    notifications,
    password_reset,
    preferences,
    profile,
    sign_in,
)
from portal.demo import try_as
from portal.domain import accounts, audit, connections, policy, readiness, values
from portal.domain import notifications as domain_notifications
from portal.domain.policy import Policy, SignUpPolicy
from portal.domain.values import Invalid
from portal.i18n import formats, languages, reader
from portal.web import errors, headers, surfaces
from portal.wording import audit as audit_wording
from portal.wording import claims as claim_wording
from portal.wording import clouds as cloud_wording
from portal.wording import connections as connection_wording
from portal.wording import drift as drift_wording
from portal.wording import errors as error_wording
from portal.wording import guide, labels
from portal.wording import jobs as job_wording
from portal.wording import kinds as kind_wording
from portal.wording import memberships as membership_wording
from portal.wording import notifications as notification_wording
from portal.wording import readiness as problem_wording
from portal.wording import usage as usage_wording
from portal.wording.quotes import quoted

PUBLIC = {
    "static",
    "front",
    "health",
    "ready",
    "metrics",
    "auth.sign_in",
    "auth.sign_up",
    "auth.sign_up_sent",
    "auth.verify",
    "auth.sign_out",
    "password_reset.ask",
    "password_reset.sent",
    "password_reset.choose",
    "help.index",
    "help.show",
    "help.answer",
    "mailbox.index",
    "mailbox.show",
    "try_as.sign_in",
    "preferences.language",
    "preferences.theme",
    "callbacks.receive",
}
"""Endpoints open to everybody; every other one is behind a gate."""

SURFACES = (
    sign_in,
    confirm,
    password_reset,
    help,
    preferences,
    profile,
    notifications,
    partner,
    console,
    invites,
    operator,
    callbacks,
)


PAGES = web.Surface(
    authenticate=authentication.session_actor,
    check_body=web.require_text,
    show_error=errors.show_page,
)
"""The surface of every blueprint that names none."""


class IdConverter(BaseConverter):
    """Converter of the portal's IDs; a URL with anything else in their place is a 404."""

    regex = "[0-9a-z]{3}[0-9a-v]{17}"


def create_app(overrides: Mapping[str, str] | None = None) -> Flask:
    """Return the application. Raises config.UnsafeSettings."""
    settings = config.load(overrides)
    configure_process(settings)
    app = Flask(__name__, instance_path=str(config.ROOT / "instance"))
    app.extensions["settings"] = settings
    app.config.update(_flask_config(settings))
    app.url_map.converters["id"] = IdConverter
    _init_extensions(app)
    for surface in SURFACES:
        app.register_blueprint(surface.blueprint)
    if config.mailbox_dir(settings) is not None:
        app.register_blueprint(mailbox.blueprint)
    if config.is_only_for_this_machine(settings):
        app.register_blueprint(try_as.blueprint)
    app.add_url_rule("/", "front", sign_in.front)
    app.add_url_rule("/healthz", "health", health.health)
    app.add_url_rule("/readyz", "ready", health.ready)
    app.add_url_rule("/metrics", "metrics", health.show_metrics)
    surfaces.register(app, PAGES)
    errors.register(app)
    cli.register(app)
    app.after_request(headers.add_headers)
    if settings.metrics_port or settings.metrics_token:
        metrics.enable(config.ROOT / "instance" / "metrics")
        app.before_request(_begin_measuring)
        app.after_request(_measure)
    app.context_processor(_template_context)
    _add_template_globals(app)
    web.refuse_ungated(app, PUBLIC)
    if n := settings.trusted_proxies:
        proxy_fix = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=n)
        app.wsgi_app = proxy_fix  # type: ignore[method-assign]
    return app


def configure_process(settings: config.Settings) -> None:
    """Configure what is the same for the whole process: logs and the domain."""
    logs.configure(is_production=settings.portal_env == "production")
    policy.configure(policy_from(settings))
    audit.configure(partial(config.read_audit_keys, settings.audit_key_file))
    connections.configure_keys(partial(config.read_credentials_keys, settings.credentials_key_file))


def _begin_measuring() -> None:
    g.began = time.monotonic()


def _measure(response: Response) -> Response:
    endpoint = request.endpoint or "unknown"
    seconds = time.monotonic() - g.get("began", time.monotonic())
    metrics.observe_request(endpoint, request.method, response.status_code, seconds)
    return response


def policy_from(settings: config.Settings) -> Policy:
    """Return the business policy that the settings define. Raises config.UnsafeSettings."""
    try:
        for domain in settings.customer_email_domains:
            values.is_in_domains("somebody@example.com", (domain,))
    except Invalid:
        raise config.UnsafeSettings(f"CUSTOMER_EMAIL_DOMAINS {config.DOMAINS_EXPECTED}") from None
    same = (
        *("product_name", "initial_grant", "customer_email_domains", "currency", "notice_days"),
        *("invitations_per_day", "raw_months", "close_after_days", "statement_years"),
        *("statement_prefix", "seller_name", "seller_address"),
    )
    return Policy(
        **{name: getattr(settings, name) for name in same},
        sign_up=SignUpPolicy(settings.sign_up),
        initial_grant_lasts=timedelta(days=settings.initial_grant_days),
        grant_pays_all=settings.grant_pays == "all",
        access_propagation=timedelta(seconds=settings.access_propagation_seconds),
        billing_time_zone=ZoneInfo(settings.billing_time_zone),
    )


def _flask_config(settings: config.Settings) -> dict[str, Any]:
    """Return what Flask and its extensions read in `app.config`."""
    is_secure = settings.external_url.startswith("https://")
    url = settings.database_url
    if url.startswith("sqlite:///"):
        path = config.ROOT / url.removeprefix("sqlite:///")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        url = f"sqlite:///{path}"
    return {
        "SECRET_KEY": settings.secret_key,
        "SECRET_KEY_FALLBACKS": settings.secret_key_old,
        # Flask-WTF knows no fallbacks; the last key signs.
        "WTF_CSRF_SECRET_KEY": [*settings.secret_key_old, settings.secret_key],
        "SQLALCHEMY_DATABASE_URI": url,
        "SQLALCHEMY_ENGINE_OPTIONS": db.engine_options(url),
        "MAX_CONTENT_LENGTH": config.MAX_BODY_BYTES,
        "MAX_FORM_MEMORY_SIZE": config.MAX_BODY_BYTES,
        "SESSION_COOKIE_NAME": "__Host-portal" if is_secure else "portal",
        "SESSION_COOKIE_SECURE": is_secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_TIME_LIMIT": None,
        "BABEL_DEFAULT_TIMEZONE": settings.time_zone,
    }


def _init_extensions(app: Flask) -> None:
    signatures.register(app)
    db.extension.init_app(app)
    with app.app_context():
        db.register_listeners(db.extension.engine)
    Migrate(app, db.extension, directory=str(config.ROOT / "migrations"))
    mail.extension.init_app(app)
    languages.register(app)
    reader.register(app, web.actor_or_none)
    authentication.register(app)


def _add_template_globals(app: Flask) -> None:
    env = app.jinja_env
    env.globals.update(
        csrf_token=generate_csrf,
        asset=urls.asset,
        local_time=formats.local_time,
        local_day=formats.local_day,
        plain_day=formats.plain_day,
        utc_time=formats.utc_time,
        iso_time=formats.iso_time,
        money=formats.money,
        formats=formats,
        number=formats.number,
        seconds_left=formats.seconds_left,
        time_left=formats.time_left,
        age=formats.age,
        sentence=error_wording.sentence_of,
        country_name=error_wording.country_name,
        guide=guide,
        labels=labels,
        audit_wording=audit_wording,
        cloud_wording=cloud_wording,
        claim_wording=claim_wording,
        connection_wording=connection_wording,
        drift_wording=drift_wording,
        kind_wording=kind_wording,
        job_wording=job_wording,
        membership_wording=membership_wording,
        notification_wording=notification_wording,
        quoted=quoted,
        problem_wording=problem_wording,
        usage_wording=usage_wording,
        forced_theme=preferences.forced_theme,
        themes=preferences.themes,
    )
    # A block rendered alone does not see the imports at the top of its page, but sees globals.
    env.globals["ui"] = env.get_template("ui.html").module


def _template_context() -> dict[str, Any]:
    """Return the context of base.html; for a bare page (500) without querying the database."""
    surface = (request.blueprint or "").partition(".")[0]
    context = {
        "product_name": config.current().product_name,
        "language": languages.page_language(),
        "languages": languages.available(),
        "here": web.return_path(),
        "console_home": url_for("console.home"),
        "help_url": guide.url_of(request.endpoint),
        "mailbox_url": url_for("mailbox.index") if "mailbox" in current_app.blueprints else None,
        "surface": surface if surface in ("partner", "console", "operator") else None,
    }
    if "is_bare" in g:
        return context
    actor = web.actor_or_none()
    is_staff = bool(actor and accounts.partner_accounts_of(actor))
    return context | {
        "actor": actor,
        "partner_home": url_for("partner.choose") if is_staff else None,
        "unread": domain_notifications.count_unread(actor) if actor else 0,
        "problems": readiness.problems() if actor and actor.is_operator else [],
    }
