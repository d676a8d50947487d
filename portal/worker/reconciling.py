"""Reconcile: list all clouds of a connection, and compare them with the portal."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import islice

from portal import db
from portal.domain import drift
from portal.domain.connections import Connection
from portal.domain.drift import There
from portal.domain.jobs import Job, OrderKind
from portal.providers.contract import Cloud
from portal.worker import providers
from portal.worker.access_orders import ROLES
from portal.worker.steps import Step


def reconcile(job: Job) -> bool:
    """List the clouds, then compare, in batches. Nothing is compared with a list that broke off."""
    connection_id, run = job.subject_id, job.id
    connection = db.read(lambda: db.session.get_one(Connection, connection_id))
    provider = providers.provider_of(connection)
    db.write(partial(drift.begin, connection_id, run))
    listed = iter(provider.everything())
    while batch := list(islice(listed, drift.BATCH)):
        db.write(partial(drift.store, connection_id, run, batch))

    def name_there(cloud_id: str, name: str) -> str:
        return provider.name_there(Cloud(cloud_id, name))

    roles = {role: provider.role_there(ROLES[role]) for role in ROLES}
    there = There(name_there, {role: str(it) for role, it in roles.items() if it is not None})
    after: str | None = ""
    while after is not None:
        after = db.write(partial(drift.compare_next, connection_id, run, after, there))
    return True


def record(job: Job, _result: bool) -> None:  # noqa: FBT001 - a step's result
    """Keep that all is compared."""
    drift.record_end(job.subject_id, job.id)


def fail(job: Job, fault: str, facts: Mapping[str, str]) -> None:
    """Keep why the clouds could not be listed."""
    drift.record_fault(job.subject_id, fault, facts)


STEPS: dict[str, Step] = {OrderKind.RECONCILE: Step(reconcile, record, fail)}
"""By `jobs.OrderKind`."""
