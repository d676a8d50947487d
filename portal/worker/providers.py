"""Providers: what carries out the orders of each kind of connection; the test of a connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from portal import db
from portal.domain import connections
from portal.domain.connections import Connection, Findings
from portal.domain.errors import Code
from portal.domain.jobs import Job
from portal.providers.contract import Later, NeedsPerson, Never, Provider

Settings = Mapping[str, str]
Credentials = Mapping[str, str]

PROVIDERS: dict[str, Callable[[Settings, Credentials], Provider]] = {}
"""By the kind of connection, for kinds that ask a cloud: `connections.KINDS` says which."""


def provider_of(connection: Connection) -> Provider:
    """The provider of a connection. Raises NeedsPerson if its credentials can't be decrypted, or if
    its kind is not installed."""
    credentials, make = connections.unseal(connection), PROVIDERS.get(connection.kind)
    if credentials is None:
        raise NeedsPerson(Code.CREDENTIALS_UNREADABLE)
    if make is None:
        raise NeedsPerson("kind-not-installed", kind=connection.kind)
    return make(connection.settings, credentials)


def run_test(job: Job) -> Findings:
    """Test the connection that is the job's subject."""
    connection = db.read(lambda: db.session.get_one(Connection, job.subject_id))
    try:
        preflight = provider_of(connection).preflight()
    except (Later, NeedsPerson, Never) as error:
        return Findings(fault=str(error), is_down=isinstance(error, Later))
    return Findings(
        tuple(sorted(preflight.abilities)),
        tuple(preflight.missing),
        int(preflight.token_cache.total_seconds()),
    )


def record_test(job: Job, result: Findings) -> None:
    """Keep what the test found."""
    connections.record_test(job.subject_id, result)
