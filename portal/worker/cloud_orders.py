"""Orders of clouds: create, rename, limit, suspend, resume and close them at their connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from portal import db
from portal.domain import clouds, drift
from portal.domain.clouds import OrderFacts
from portal.domain.connections import Connection
from portal.domain.errors import Refused
from portal.domain.jobs import Job, OrderKind
from portal.providers.contract import Access, Cloud, Done, NeedsPerson, Provider, Running
from portal.worker import providers
from portal.worker.steps import Step

Call = Callable[[Provider, str, OrderFacts], Done | Running]

CALLS: dict[OrderKind, Call] = {
    OrderKind.ENSURE: lambda cloud, order, it: cloud.ensure_cloud(order, _cloud(it)),
    OrderKind.CHANGE: lambda cloud, order, it: cloud.change_cloud(
        order, it.external_id, _cloud(it)
    ),
    OrderKind.LIMIT: lambda cloud, order, it: cloud.change_cloud(order, it.external_id, _cloud(it)),
    OrderKind.SUSPEND: lambda cloud, order, it: cloud.suspend(order, it.external_id),
    OrderKind.RESUME: lambda cloud, order, it: cloud.resume(order, it.external_id),
    OrderKind.CLOSE: lambda cloud, order, it: cloud.close(order, it.external_id),
}


def call(job: Job) -> Done | Access | Running | None:
    """Ask the connection for what is agreed now, or what has become of it. None if it is so."""
    kind, operation = OrderKind(job.subject_kind), job.facts.get("operation")
    task, goes_on = clouds.TASKS[kind], operation is not None
    facts = db.write(lambda: clouds.begin_order(job.subject_id, task, goes_on=goes_on))
    if facts is None:
        return None
    connection = db.read(lambda: db.session.get_one(Connection, facts.connection_id))
    provider = providers.provider_for(job, connection)
    if operation is not None:
        return provider.operation(job.id, operation)
    return CALLS[kind](provider, job.id, facts)


def record(job: Job, result: Done) -> None:
    """Record what is carried out. Raises NeedsPerson if the ID of a new cloud is wrong."""
    task = clouds.TASKS[OrderKind(job.subject_kind)]
    cloud = db.session.get_one(clouds.Cloud, job.subject_id)
    is_adopted = cloud.carried_out_at is not None and cloud.changed_there_at is None
    try:
        clouds.record_order(
            job.subject_id,
            task,
            external_id=result.external_id,
            ends_by=result.ends_by,
            left=result.left,
        )
    except Refused as refused:
        raise NeedsPerson(refused.code) from refused
    if is_adopted:  # it may be suspended there, or have members
        drift.order_comparison(cloud.connection_id)


def fail(job: Job, fault: str, facts: Mapping[str, str]) -> None:
    """Record on the cloud why the order can't be carried out."""
    clouds.record_order_fault(job.subject_id, fault, facts)


def _cloud(facts: OrderFacts) -> Cloud:
    return Cloud(facts.cloud_id, facts.name, facts.limits)


class Emptiness(NamedTuple):
    """What the connection says; None if it can't."""

    is_empty: bool | None


def ask_whether_empty(job: Job) -> Emptiness | None:
    """Ask the connection whether nothing is in the cloud."""
    cloud = db.read(lambda: db.session.get_one(clouds.Cloud, job.subject_id))
    if cloud.external_id is None or cloud.closed_at is not None:
        return None
    connection = db.read(lambda: db.session.get_one(Connection, cloud.connection_id))
    return Emptiness(providers.provider_for(job, connection).is_empty(cloud.external_id))


def record_emptiness(job: Job, result: Emptiness) -> None:
    """Keep the answer."""
    clouds.record_emptiness(job.subject_id, is_empty=result.is_empty)


def fail_emptiness(job: Job, _fault: str, _facts: Mapping[str, str]) -> None:
    """Keep that there is no answer: the cloud counts as in use."""
    clouds.record_emptiness(job.subject_id, is_empty=None)


STEPS: dict[str, Step] = {kind: Step(call, record, fail) for kind in CALLS}
STEPS[OrderKind.CHECK_EMPTY] = Step(ask_whether_empty, record_emptiness, fail_emptiness)
