"""Lists for operators: when connections delivered usage last, and what went wrong."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

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
from portal.domain.metering.rates import rates_of
from portal.domain.metering.record import UsageFetch, UsageRates
from portal.domain.usage import UsageSource


class Status(NamedTuple):
    """A connection that delivers usage: when it did last, and why the last try failed. `rates` are
    those of a sampled one, the newest first."""

    connection: Connection
    delivered_at: datetime | None
    fetch: UsageFetch | None
    is_sampled: bool
    rates: list[UsageRates]

    @property
    def is_silent(self) -> bool:
        """Whether it has not delivered for too long."""
        since = self.delivered_at or (self.fetch.since_at if self.fetch else None)
        return since is not None and since < db.now() - SILENT_AFTER


def statuses_for(actor: Actor) -> dict[str, Status]:
    """The connections that deliver usage, by ID, by name."""
    sources = {row.connection_id: row for row in db.session.scalars(select(UsageSource))}
    return {
        connection.id: Status(
            connection,
            last_delivered(sources.get(connection.id)),
            db.session.get(UsageFetch, connection.id),
            samples_only(connection),
            rates_of(connection) if samples_only(connection) else [],
        )
        for connection in connections_for(actor)
        if delivers(connection)
    }
