"""Heartbeats: which processes of the installation live, of which version."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, select
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import retention

EVERY = timedelta(seconds=10)
ALIVE_FOR = timedelta(seconds=60)
"""A process that was seen within this time counts as alive."""
RETENTION = timedelta(days=1)


class ProcessKind(StrEnum):
    WEB = "web"
    WORKER = "worker"


class Heartbeat(db.Base):
    """The last sign of life of a process; `process` is its ID on the host."""

    __tablename__ = "heartbeats"

    host: Mapped[str] = mapped_column(primary_key=True)
    process: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[ProcessKind] = mapped_column(db.enum_column(ProcessKind, "kind"), primary_key=True)
    version: Mapped[str]
    seen_at: Mapped[datetime]


def beat(process: tuple[str, int], kind: ProcessKind, *, version: str) -> None:
    """Record that a process lives, named by its host and its ID there."""
    host, number = process
    heartbeat = Heartbeat(host=host, process=number, kind=kind, version=version, seen_at=db.now())
    db.session.merge(heartbeat)
    db.session.flush()


def end(process: tuple[str, int], kind: ProcessKind) -> None:
    """Record that a process ends."""
    heartbeat = db.session.get(Heartbeat, (*process, kind))
    if heartbeat is not None:
        db.session.delete(heartbeat)
        db.session.flush()


def alive(kind: ProcessKind | None = None) -> list[Heartbeat]:
    """The processes that are alive, of this kind or of all."""
    query = select(Heartbeat).where(Heartbeat.seen_at > db.now() - ALIVE_FOR)
    if kind is not None:
        query = query.where(Heartbeat.kind == kind)
    return list(db.session.scalars(query.order_by(Heartbeat.host, Heartbeat.process)))


def delete_all() -> None:
    """Delete all heartbeats: after a restore they are of processes of the past."""
    db.session.execute(delete(Heartbeat))


def purge_expired() -> bool:
    """Delete a batch of heartbeats older than RETENTION. Return whether there may be more."""
    return retention.delete_batch(Heartbeat, Heartbeat.seen_at < db.now() - RETENTION)
