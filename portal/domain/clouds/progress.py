"""Progress of clouds: what people read about what is agreed and what is carried out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from portal.domain import circuit_breakers, jobs
from portal.domain.clouds.pending import PendingTasks, Task, pending_tasks_of
from portal.domain.connections import Kind


class ProgressState(StrEnum):
    UNCONFIRMED = "unconfirmed"
    """It is created when the customer confirms."""
    CREATING = "creating"
    READY = "ready"
    SUSPENDING = "suspending"
    SUSPENDED = "suspended"
    RESUMING = "resuming"
    RENAMING = "renaming"
    LIMITING = "limiting"
    CLOSING = "closing"
    CLOSED = "closed"
    FAILED = "failed"


STATES = {
    Task.CREATE: ProgressState.CREATING,
    Task.SUSPEND: ProgressState.SUSPENDING,
    Task.RESUME: ProgressState.RESUMING,
    Task.RENAME: ProgressState.RENAMING,
    Task.LIMIT: ProgressState.LIMITING,
    Task.CLOSE: ProgressState.CLOSING,
}
"""By the task that is not carried out, the most important first."""


class Place(NamedTuple):
    """Where a cloud is. `name` is the connection's, empty for a cloud that is built in;
    `console_url` is empty if there is no console."""

    kind: str
    name: str
    external_id: str | None
    console_url: str
    asks: bool
    """Whether jobs carry out what is agreed."""
    has_folders: bool


class Progress(NamedTuple):
    """The progress of a cloud. `agreed_at`: since when a task is agreed; `changed_at`: when the
    last one was carried out."""

    state: ProgressState
    place: Place
    tasks: tuple[Task, ...]
    """What is not carried out; without emptying, which only operators see."""
    agreed_at: datetime | None
    changed_at: datetime | None
    fault: str | None
    """Why the tasks can't be carried out: a code, or words."""
    fault_facts: Mapping[str, Any]
    is_by_hand: bool
    """Whether operators carry it out; then `fault` has an operator's words."""
    down_since: datetime | None
    """Since when the connection gives no answer."""
    ends_by: datetime | None
    left_running: tuple[str, ...]
    closes_at: datetime | None
    """When it is closed, if it is to be."""

    @property
    def failed_task(self) -> Task | None:
        """The most important task of those that can't be carried out."""
        return next((task for task in STATES if task in self.tasks), None) if self.fault else None


def progress_for(cloud_ids: Collection[str]) -> dict[str, Progress]:
    """The progress of each cloud by its ID. The caller has checked that the actor sees them."""
    down = {breaker.key: breaker.since for breaker in circuit_breakers.open_breakers()}
    return {row.cloud.id: _progress(row, down) for row in pending_tasks_of(cloud_ids)}


def _progress(row: PendingTasks, down: Mapping[str, datetime]) -> Progress:
    cloud = row.cloud
    tasks = tuple(task for task in row.tasks if task is not Task.EMPTY)
    lane = jobs.cloud_lane(row.connection.id)
    fault = row.fault if tasks else None
    return Progress(
        state=ProgressState.FAILED if fault else _state(row, tasks),
        place=_place(row),
        tasks=tasks,
        agreed_at=cloud.agreed_at if tasks else None,
        changed_at=cloud.changed_there_at,
        fault=fault,
        fault_facts=cloud.fault_facts if fault else {},
        is_by_hand=row.connection.kind == Kind.MANUAL,
        down_since=down.get(lane) if row.asks else None,
        ends_by=cloud.ends_by,
        left_running=tuple(cloud.left_running),
        closes_at=cloud.closes_at if cloud.closed_at is None else None,
    )


def _place(row: PendingTasks) -> Place:
    connection, external_id = row.connection, row.cloud.external_id
    return Place(
        kind=connection.kind,
        name="" if connection.kind == Kind.BUILTIN else connection.name,
        external_id=external_id,
        console_url=connection.console_url(external_id),
        asks=row.asks,
        has_folders=connection.has_folders,
    )


def _state(row: PendingTasks, tasks: tuple[Task, ...]) -> ProgressState:
    cloud = row.cloud
    for task, state in STATES.items():
        if task in tasks:
            # A closed cloud that may exist there is created only to be closed.
            return ProgressState.CLOSING if cloud.closed_at is not None else state
    if cloud.closed_at is not None:
        return ProgressState.CLOSED
    if cloud.carried_out_at is None:
        return ProgressState.UNCONFIRMED
    return ProgressState.READY if row.payer.suspended_at is None else ProgressState.SUSPENDED
