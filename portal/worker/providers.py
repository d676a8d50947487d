"""Providers: what carries out the orders of each kind of connection; the test of a connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from portal import config, db
from portal.domain import connections
from portal.domain.connections import Connection, Findings, Kind
from portal.domain.errors import Code
from portal.domain.jobs import Job
from portal.providers.contract import Later, NeedsPerson, Never, Provider
from portal.providers.http_client import HttpClient
from portal.providers.lxd import Lxd
from portal.providers.lxd import Settings as LxdSettings
from portal.providers.openstack import OpenStack
from portal.providers.openstack import Settings as OpenStackSettings
from portal.providers.webhook import Webhook

Settings = Mapping[str, str]
Credentials = Mapping[str, str]
NOT_INSTALLED = "kind-not-installed"
NOT_ASKED = frozenset({Code.CREDENTIALS_UNREADABLE, Code.ACCESS_UNREADABLE, NOT_INSTALLED})
"""Why a cloud can't be asked."""
LXD_MAX_BYTES = 2**24
"""Its lists have no pages: for about 10,000 projects, or certificates."""


def _webhook(settings: Settings, credentials: Credentials) -> Provider:
    return Webhook(settings["url"], credentials["secret"], _http(settings))


def _openstack(settings: Settings, credentials: Credentials) -> Provider:
    names = ("auth_url", "username", "domain", "user_domain", "region")
    added = ("usage_project", "federation_protocol", "console_url")  # older connections lack some
    return OpenStack(
        _http(settings),
        OpenStackSettings(
            **{name: settings[name] for name in names},
            **{name: settings.get(name, "") for name in added},
            password=credentials["password"],
            token_cache=timedelta(seconds=int(settings["token_cache"])),
        ),
    )


def _lxd(settings: Settings, credentials: Credentials) -> Provider:
    http = HttpClient(
        config.current().connection_networks,
        fingerprint=settings["fingerprint"],
        client_certificate=settings["client_certificate"],
        client_key=credentials["secret_key"],
        max_bytes=LXD_MAX_BYTES,
    )
    return Lxd(http, LxdSettings(**{name: settings[name] for name in ("url", "pool", "network")}))


def _http(settings: Settings) -> HttpClient:
    networks = config.current().connection_networks
    return HttpClient(networks, ca_certificates=settings["ca_certificates"])


PROVIDERS: dict[str, Callable[[Settings, Credentials], Provider]] = {
    Kind.WEBHOOK: _webhook,
    Kind.OPENSTACK: _openstack,
    Kind.LXD: _lxd,
}
"""By the kind of connection, for kinds that ask a cloud: `connections.KINDS` says which."""


def provider_of(connection: Connection) -> Provider:
    """The provider of a connection. Raises NeedsPerson if its credentials can't be decrypted, or if
    its kind is not installed."""
    credentials, make = connections.unseal(connection), PROVIDERS.get(connection.kind)
    if credentials is None:
        raise NeedsPerson(Code.CREDENTIALS_UNREADABLE)
    if make is None:
        raise NeedsPerson(NOT_INSTALLED, kind=connection.kind)
    return make(connection.settings, credentials)


def is_down(error: Exception) -> bool | None:
    """Whether the cloud does not answer: one that says when to ask again, or refuses, does. None if
    it was not asked."""
    if str(error) in NOT_ASKED:
        return None
    return isinstance(error, Later) and error.retry_after is None


def run_test(job: Job) -> Findings:
    """Test the connection that is the job's subject."""
    connection = db.read(lambda: db.session.get_one(Connection, job.subject_id))
    try:
        preflight = provider_of(connection).preflight()
    except (Later, NeedsPerson, Never) as error:
        facts = error.facts if isinstance(error, NeedsPerson) else None
        return Findings(fault=str(error), is_down=is_down(error), facts=facts)
    return Findings(
        tuple(sorted(preflight.abilities)),
        tuple(preflight.missing),
        int(preflight.token_cache.total_seconds()),
    )


def record_test(job: Job, result: Findings) -> None:
    """Keep what the test found."""
    connections.record_test(job.subject_id, result)
