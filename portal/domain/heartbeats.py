"""Heartbeats: which processes of the installation live, of which version."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from portal import db, processes
from portal.domain import retention
from portal.processes import Process

EVERY = timedelta(seconds=10)
ALIVE_FOR = timedelta(seconds=60)
"""A process that was seen within this time counts as alive."""
SILENT_AFTER = timedelta(seconds=25)
"""A process that missed two heartbeats is silent: it may be dead, or busy."""
RETENTION = timedelta(days=1)


class ProcessKind(StrEnum):
    WEB = "web"
    WORKER = "worker"


class Heartbeat(db.Base):
    """The last sign of life of a process; `process` is its number on the `machine`."""

    __tablename__ = "heartbeats"

    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    process: Mapped[int]
    machine: Mapped[str]
    kind: Mapped[ProcessKind] = mapped_column(db.enum_column(ProcessKind, "kind"))
    version: Mapped[str]
    seen_at: Mapped[datetime]


def beat(process: Process, kind: ProcessKind, *, version: str) -> None:
    """Record that a process lives."""
    heartbeat = Heartbeat(
        id=process.id,
        host=process.host,
        process=process.number,
        machine=process.machine,
        kind=kind,
        version=version,
        seen_at=db.now(),
    )
    db.session.merge(heartbeat)
    db.session.flush()


def end(*process_ids: str) -> None:
    """Record that processes have ended."""
    db.session.execute(delete(Heartbeat).where(Heartbeat.id.in_(process_ids)))


def alive(kind: ProcessKind | None = None) -> list[Heartbeat]:
    """The processes that are alive, of this kind or of all."""
    query = select(Heartbeat).where(Heartbeat.seen_at > db.now() - ALIVE_FOR)
    if kind is not None:
        query = query.where(Heartbeat.kind == kind)
    return list(db.session.scalars(query.order_by(Heartbeat.host, Heartbeat.process)))


def seen_within(span: timedelta) -> Select[str]:
    """The query of the IDs of the processes that were seen within this time."""
    return select(Heartbeat.id).where(Heartbeat.seen_at > db.now() - span)


def gone() -> list[str]:
    """The IDs of the processes of this machine that are gone, and did not say that they end."""
    query = select(Heartbeat).where(Heartbeat.machine == processes.this().machine)
    rows = db.session.scalars(query.order_by(Heartbeat.id))
    return [row.id for row in rows if processes.is_gone(row.process, row.machine)]


def delete_all() -> None:
    """Delete all heartbeats: after a restore they are of processes of the past."""
    db.session.execute(delete(Heartbeat))


def purge_expired() -> bool:
    """Delete a batch of heartbeats older than RETENTION. Return whether there may be more."""
    return retention.delete_batch(Heartbeat, Heartbeat.seen_at < db.now() - RETENTION)
