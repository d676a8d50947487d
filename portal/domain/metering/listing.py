"""Lists for operators: when connections delivered usage last, and what went wrong."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import select

from portal import db
from portal.domain.actors import Actor
from portal.domain.connections import Connection, connections_for
from portal.domain.metering.fetching import (
    SILENT_AFTER,
    delivers,
    last_delivered,
    samples_only,
)
from portal.domain.metering.record import UsageFetch, UsageRates
from portal.domain.usage import UsageSource


class Rates(NamedTuple):
    """Amounts by vCPU and hour, GiB of memory and hour, GiB of disk and month, from a day on."""

    since_on: date
    cpu: Decimal
    memory: Decimal
    disk: Decimal


class Status(NamedTuple):
    """A connection that delivers usage: when it did last, and why the last try failed since. Of a
    sampled one `rates` are the last, which may begin later."""

    connection_id: str
    name: str
    is_sampled: bool
    rates: Rates | None
    since_at: datetime | None
    delivered_at: datetime | None
    failed_at: datetime | None
    fault: str
    fault_facts: dict[str, Any]

    @property
    def is_silent(self) -> bool:
        """Whether it has not delivered for too long."""
        since = self.delivered_at or self.since_at
        return since is not None and since < db.now() - SILENT_AFTER


def statuses_for(actor: Actor) -> dict[str, Status]:
    """The connections that deliver usage, by ID, in the order of the list of connections."""
    return {
        connection.id: _status(connection)
        for connection in connections_for(actor)
        if delivers(connection)
    }


def _status(connection: Connection) -> Status:
    query = select(UsageSource).where(UsageSource.connection_id == connection.id)
    source, fetch = db.session.scalar(query), db.session.get(UsageFetch, connection.id)
    is_sampled = samples_only(connection)
    return Status(
        connection_id=connection.id,
        name=connection.name,
        is_sampled=is_sampled,
        rates=_last_rates(connection) if is_sampled else None,
        since_at=fetch.since_at if fetch else None,
        delivered_at=last_delivered(source),
        failed_at=fetch.failed_at if fetch else None,
        fault=(fetch.fault or "") if fetch else "",
        fault_facts=fetch.fault_facts if fetch else {},
    )


def _last_rates(connection: Connection) -> Rates | None:
    query = select(UsageRates).where(UsageRates.connection_id == connection.id)
    row = db.session.scalar(query.order_by(UsageRates.since_on.desc()).limit(1))
    if row is None:
        return None
    return Rates(row.since_on, row.rate("cpu"), row.rate("memory"), row.rate("disk"))
