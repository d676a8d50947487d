"""All settings: type, default, meaning and allowed values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, get_type_hints

from portal.config import hosts, parsing
from portal.config.definition import Setting

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, kw_only=True, repr=False)  # no secrets in tracebacks
class Settings:
    """The settings in force. Each field is read from the variable of its name in capitals."""

    portal_env: Annotated[
        str,
        Setting(
            "local",
            "`local`: helps with missing settings, for trying out and developing; "
            "`production`: refuses to start with an unsafe or missing setting",
            parsing.one_of("local", "production"),
        ),
    ]
    host: Annotated[
        str, Setting("127.0.0.1", "address the web server listens on", hosts.parse_listening)
    ]
    port: Annotated[
        int, Setting("8000", "port the web server listens on", parsing.number(1, 65535))
    ]
    external_url: Annotated[
        str,
        Setting(
            "",
            "address under which people reach the portal, in every link of a mail; other hosts are "
            "answered 400; empty: `http://HOST:PORT` (production: required, https)",
            hosts.parse_external_url,
        ),
    ]
    trusted_proxies: Annotated[
        int,
        Setting(
            "0", "how many reverse proxies in front set X-Forwarded-* headers", parsing.number(0, 5)
        ),
    ]
    hsts_include_subdomains: Annotated[
        bool,
        Setting(
            "no",
            "`yes`: browsers use HTTPS for every subdomain of this host as well, for a year",
            parsing.yes_or_no,
        ),
    ]
    database_url: Annotated[
        str,
        Setting(
            "sqlite:///instance/portal.db",
            "`sqlite:///path` or `postgresql://user:password@host/name`",
            parsing.database_url,
        ),
    ]
    database_plain_hosts: Annotated[
        tuple[str, ...],
        Setting(
            "",
            "comma-separated hosts which PostgreSQL may be reached at without TLS (`sslmode` other "
            "than `require`, `verify-ca`, `verify-full`), beside loopback addresses and sockets",
            parsing.hosts,
        ),
    ]
    secret_key: Annotated[
        str,
        Setting(
            "",
            "signs cookies and links in mails, 32 characters or more; empty: made and kept in "
            "`instance/secret_key` (production: required)",
        ),
    ]
    secret_key_old: Annotated[
        tuple[str, ...],
        Setting(
            "",
            "keys that `SECRET_KEY` had before, comma-separated: what they signed stays valid, new "
            "signatures are by `SECRET_KEY`; remove them two days after the change",
            parsing.texts,
        ),
    ]
    audit_key_file: Annotated[
        str,
        Setting(
            "",
            "file of `flask audit new-key`; with it, nobody who can only write to the database can "
            "change the audit log undetected; keep it apart from backups",
            parsing.audit_keys,
        ),
    ]
    credentials_key_file: Annotated[
        str,
        Setting(
            "",
            "file of `flask connection rekey`, whose keys seal the credentials of connections; "
            "keep it apart from backups; without it connections ask for their credentials again; "
            "empty in a local run: `instance/credentials_keys`",
            parsing.credentials_keys,
        ),
    ]
    connection_networks: Annotated[
        tuple[IPv4Network | IPv6Network, ...],
        Setting(
            "",
            "comma-separated private networks that connections may reach, such as `10.0.0.0/8`; "
            "only there TLS may be left out",
            parsing.networks,
            local="127.0.0.0/8",
        ),
    ]
    product_name: Annotated[
        str,
        Setting(
            "",
            "name of the cloud in every page and mail (production: required)",
            local="Northfold Cloud",
        ),
    ]
    sign_up: Annotated[
        str,
        Setting(
            "open",
            "who may sign up: `open`, `invited` (an open invitation, or `user allow`), `closed`",
            parsing.one_of("open", "invited", "closed"),
        ),
    ]
    currency: Annotated[
        str, Setting("EUR", "the installation's one currency, ISO 4217", parsing.currency)
    ]
    initial_grant: Annotated[
        Decimal,
        Setting("0", "money given once, on a client's first account", parsing.amount, local="4000"),
    ]
    initial_grant_days: Annotated[int, Setting("60", "days it lasts", parsing.number(1, 3650))]
    grant_pays: Annotated[
        str,
        Setting("usage", "`all`: grants pay purchases and tax too", parsing.one_of("usage", "all")),
    ]
    customer_email_domains: Annotated[
        tuple[str, ...],
        Setting(
            "",
            "comma-separated domains which a customer's e-mail must be in; empty: any",
            parsing.domains,
        ),
    ]
    access_propagation_seconds: Annotated[
        int, Setting("180", "until a given role works", parsing.number(0, 86400), local="20")
    ]
    invitations_per_day: Annotated[
        int,
        Setting(
            "50",
            "new customers that a partner may add in 24 hours; each gets a mail",
            parsing.number(1, 10_000),
        ),
    ]
    metrics_port: Annotated[
        int,
        Setting(
            "0",
            "port of the loopback address at which the worker serves `/metrics` for Prometheus; "
            "0: none",
            parsing.number(0, 65535),
        ),
    ]
    metrics_token: Annotated[
        str,
        Setting(
            "",
            "token with which the web server serves `/metrics` (`Authorization: Bearer …`), 20 "
            "characters or more; empty: it does not",
            parsing.token,
        ),
    ]
    time_zone: Annotated[
        str, Setting("UTC", "zone of times shown to people who chose none", parsing.zone)
    ]
    billing_time_zone: Annotated[
        str,
        Setting(
            "",
            "zone of billing days: a partnership ends at 00:00 there, and days of usage begin; "
            "empty: `TIME_ZONE`; fixed, like `CURRENCY`, once usage is published",
            parsing.optional_zone,
        ),
    ]
    notice_days: Annotated[
        int,
        Setting(
            "30",
            "days of notice, at least, with which a partner ends a partnership",
            parsing.number(1, 3650),
        ),
    ]
    seller_name: Annotated[
        str, Setting("", "your company's legal name, for statements", parsing.line)
    ]
    seller_address: Annotated[
        tuple[str, ...],
        Setting(
            "", "your company's address, for statements; its lines separated by `;`", parsing.lines
        ),
    ]
    close_after_days: Annotated[
        int | None,
        Setting(
            "10",
            "days after a month's end until its closing begins automatically; a day later it is "
            "closed; empty: never",
            parsing.optional_number(0, 365),
            local="",
        ),
    ]
    statement_prefix: Annotated[
        str, Setting("", "what the numbers of your own statements begin with", parsing.line)
    ]
    statement_years: Annotated[
        int, Setting("10", "years for which customers' statements are kept", parsing.number(0, 100))
    ]
    upload_mb: Annotated[
        int,
        Setting(
            "100",
            "size of usage files that operators upload in the browser, in MB; larger ones by "
            "`flask usage import`; nginx has a limit of its own",
            parsing.number(1, 10_000),
        ),
    ]
    raw_months: Annotated[
        int,
        Setting(
            "24",
            "months for which rows of usage are kept after they were published; their sums and "
            "charges stay",
            parsing.number(1, 1200),
        ),
    ]
    mail_server: Annotated[
        str,
        Setting(
            "",
            "SMTP relay; empty: mails become files that the *Mailbox* page shows "
            "(production: required)",
            parsing.host,
        ),
    ]
    mailbox_dir: Annotated[
        Path,
        Setting("instance/mailbox", "where those files are kept; not used in production", Path),
    ]
    mail_port: Annotated[int, Setting("587", "its port", parsing.number(1, 65535))]
    mail_security: Annotated[
        str,
        Setting(
            "starttls",
            "`starttls` or `tls` with a verified certificate; `plain` on a loopback address only",
            parsing.one_of("starttls", "tls", "plain"),
        ),
    ]
    mail_ca_file: Annotated[
        str,
        Setting("", "certificates to trust beside the system's, a PEM file", parsing.certificates),
    ]
    mail_username: Annotated[str, Setting("", "account at the relay, if it wants one")]
    mail_password: Annotated[str, Setting("", "its password")]
    mail_default_sender: Annotated[
        str,
        Setting(
            "",
            "address mails come from (production: required)",
            parsing.matching(
                r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+", "an address alone, such as portal@example.com"
            ),
            local="portal@northfold.example",
        ),
    ]


def _definitions() -> tuple[Setting, ...]:
    """The definitions of the fields of `Settings`, in their order."""
    hints = get_type_hints(Settings, include_extras=True)
    return tuple(replace(hint.__metadata__[0], name=name.upper()) for name, hint in hints.items())


SETTINGS = _definitions()
