"""Providers: what carries out the orders of each kind of connection; the test of a connection."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import timedelta

from portal import config, db
from portal.domain import connections
from portal.domain.connections import Connection, Findings, Kind
from portal.domain.errors import Code
from portal.domain.jobs import Job
from portal.providers.contract import CALL_SECONDS, Later, NeedsPerson, Never, Provider
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
BEGINS_WITHIN = timedelta(seconds=10)
"""Of a claim, else the order is put back: with CALL_SECONDS less than `jobs.DEAD_AFTER`, so that
two workers never ask for one subject at once."""
_ends: ContextVar[float] = ContextVar("ends", default=math.inf)
"""`HttpClient.ends` of the providers that are made."""


class BegunTooLate(Exception):
    """The claim is older than BEGINS_WITHIN: another worker may have taken the order up."""


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
        ends=_ends.get(),
    )
    return Lxd(http, LxdSettings(**{name: settings[name] for name in ("url", "pool", "network")}))


def _http(settings: Settings) -> HttpClient:
    networks = config.current().connection_networks
    return HttpClient(networks, ca_certificates=settings["ca_certificates"], ends=_ends.get())


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


def provider_for_reading(connection: Connection) -> Provider:
    """The provider for one call that changes nothing: it sends nothing after CALL_SECONDS. Raises
    NeedsPerson as `provider_of`."""
    reset = _ends.set(time.monotonic() + CALL_SECONDS)
    try:
        return provider_of(connection)
    finally:
        _ends.reset(reset)


def provider_for(job: Job, connection: Connection) -> Provider:
    """The provider for one call of a claimed order: it sends nothing after CALL_SECONDS. Raises
    BegunTooLate, and NeedsPerson as `provider_of`."""
    provider = provider_for_reading(connection)
    # Only now: a process that is stopped before is late here, one that is stopped after in `ends`.
    if job.started_at is None or db.read(db.now) > job.started_at + BEGINS_WITHIN:
        raise BegunTooLate
    return provider


def run_test(job: Job) -> Findings:
    """Test the connection that is the job's subject."""
    connection = db.read(lambda: db.session.get_one(Connection, job.subject_id))
    try:
        preflight = provider_for(job, connection).preflight()
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
