"""Orders of clouds: queue what is agreed and not carried out; record what a job has carried out.

Before a job asks the connection, it records that the result is unknown. So whatever is lost after
that, a worker or an answer, the comparison of `pending` still asks for what is agreed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import or_, select

from portal import db
from portal.domain import audit, jobs
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import WORKER
from portal.domain.clouds.pending import PendingTasks, Task, pending_tasks, pending_tasks_of
from portal.domain.clouds.record import Cloud, Link
from portal.domain.errors import Code, Refused
from portal.domain.jobs import OPEN_STATES, Job, Kind, OrderKind, State

ORDERS = {
    Task.CREATE: OrderKind.ENSURE,
    Task.RENAME: OrderKind.CHANGE,
    Task.LIMIT: OrderKind.LIMIT,
    Task.SUSPEND: OrderKind.SUSPEND,
    Task.RESUME: OrderKind.RESUME,
    Task.CLOSE: OrderKind.CLOSE,
}
TASKS = {order: task for task, order in ORDERS.items()}
SUSPENSION = (Task.SUSPEND, Task.RESUME)


class OrderFacts(NamedTuple):
    """What an order asks for: the cloud as it is agreed now."""

    connection_id: str
    cloud_id: str
    name: str
    external_id: str
    limits: dict[str, int | None]


def order_changes(*cloud_ids: str, of: Collection[Task] = tuple(Task)) -> None:
    """Queue what is agreed of these clouds and not carried out. The calling verb has locked them,
    and made its change, which concerns the tasks `of`: orders for others are left as they are, even
    parked or failed ones."""
    rows = pending_tasks_of(cloud_ids)
    ordered = _ordered([row.cloud.id for row in rows if row.asks])
    for row in rows:
        tasks = row.tasks
        row.cloud.agreed_at = (row.cloud.agreed_at or db.now()) if tasks else None
        # The others need its ID there: they are ordered when it is recorded.
        for task in [Task.CREATE] if Task.CREATE in tasks else tasks:
            order = ORDERS.get(task) if row.asks else None
            if order and (task in of or (order, row.cloud.id) not in ordered):
                connection_id, account_id = row.connection.id, row.payer.id
                jobs.add_order(
                    order, row.cloud.id, connection_id=connection_id, account_id=account_id
                )
    db.session.flush()


def _ordered(cloud_ids: Collection[str]) -> set[tuple[str, str]]:
    """The kinds of orders and the IDs of the clouds for which one is open, failed or parked."""
    states = (*OPEN_STATES, State.FAILED, State.PARKED)
    query = select(Job.subject_kind, Job.subject_id).where(
        Job.kind == Kind.CLOUDS, Job.subject_id.in_(cloud_ids), Job.state.in_(states)
    )
    return {(kind, cloud_id) for kind, cloud_id in db.session.execute(query)}


def lock_linked_to(account: BillingAccount, *, beside: str | None) -> list[str]:
    """Lock the clouds linked to the account, and the cloud `beside`, by ID; their IDs. The caller
    has locked the account, so that none is linked meanwhile."""
    linked = select(Link.cloud_id).where(Link.account_id == account.id, Link.until_at.is_(None))
    query = select(Cloud).where(or_(Cloud.id.in_(linked), Cloud.id == beside)).order_by(Cloud.id)
    query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return [cloud.id for cloud in db.session.scalars(query)]


def begin_order(cloud_id: str, task: Task, *, goes_on: bool) -> OrderFacts | None:
    """Record that the connection is about to be asked; what to ask. None if the task is not due any
    more, unless it goes on there since an earlier try."""
    row = pending_tasks(db.lock(Cloud, cloud_id))
    cloud = row.cloud
    if not goes_on:
        is_due = task in row.tasks and (task is Task.CREATE or cloud.external_id is not None)
        if not is_due:
            return None
        _mark_unknown(cloud, task)
    external_id, limits = cloud.external_id or "", cloud.limits
    return OrderFacts(row.connection.id, cloud.id, cloud.name, external_id, limits)


def _mark_unknown(cloud: Cloud, task: Task) -> None:
    if task is Task.CREATE:
        is_same = cloud.asked_at is None or cloud.asked_name == cloud.name
        cloud.asked_name = cloud.name if is_same else None
        cloud.asked_at = cloud.asked_at or db.now()
    elif task is Task.RENAME:
        cloud.asked_name, cloud.carried_out_name = cloud.name, None
    elif task is Task.LIMIT:
        cloud.asked_limits, cloud.carried_out_limits = cloud.limits, None
    elif task in SUSPENSION:
        cloud.is_suspended_there = None
    db.session.flush()


def record_order(
    cloud_id: str,
    task: Task,
    *,
    external_id: str = "",
    ends_by: datetime | None = None,
    left: Collection[str] = (),
) -> None:
    """Record what a job has carried out, and order what is due now.

    Raises Refused("external-id-missing", "external-id-taken") for a created cloud.
    """
    row = pending_tasks(db.lock(Cloud, cloud_id))
    cloud = row.cloud
    if task is Task.CREATE:
        _record_created(cloud, external_id)
    elif task is Task.RENAME:
        cloud.carried_out_name = cloud.asked_name
    elif task is Task.LIMIT:
        cloud.carried_out_limits = cloud.asked_limits
    elif task is Task.CLOSE:
        cloud.closed_there_at = cloud.closed_there_at or db.now()
    else:
        cloud.is_suspended_there = task is Task.SUSPEND
    if task in (Task.SUSPEND, Task.CLOSE):
        cloud.ends_by, cloud.left_running = ends_by, list(left)
    elif task is Task.RESUME:
        cloud.ends_by, cloud.left_running = None, []
    record_changed(cloud)
    _record(Action.CLOUD_CARRY_OUT, row, tasks=[str(task)])
    # A worker that was late may have undone what another one has recorded.
    again = SUSPENSION if task in SUSPENSION else [task]
    order_changes(cloud.id, of=[it for it in again if not jobs.is_parked(ORDERS[it], cloud.id)])


def record_changed(cloud: Cloud) -> None:
    """Record that something has been carried out now, which ends a fault."""
    cloud.changed_there_at, cloud.agreed_at = db.now(), None
    _end_fault(cloud)


def end_order_fault(cloud_id: str) -> None:
    """The connection is asked again for what it refused."""
    _end_fault(db.lock(Cloud, cloud_id))


def _end_fault(cloud: Cloud) -> None:
    cloud.fault, cloud.fault_facts, cloud.fault_mark = None, {}, None
    db.session.flush()


def record_order_fault(cloud_id: str, fault: str, facts: Mapping[str, str]) -> None:
    """Record that the connection refuses what is agreed: a code with facts, or its words."""
    row = pending_tasks(db.lock(Cloud, cloud_id))
    if not row.tasks or (row.fault, row.cloud.fault_facts) == (fault, facts):
        return
    row.cloud.fault, row.cloud.fault_facts, row.cloud.fault_mark = fault, dict(facts), row.mark
    db.session.flush()
    _record(Action.CLOUD_CARRY_OUT_FAULT, row)


def _record_created(cloud: Cloud, external_id: str) -> None:
    if not external_id:
        raise Refused(Code.EXTERNAL_ID_MISSING)
    others = select(Cloud.id).where(
        Cloud.connection_id == cloud.connection_id,
        Cloud.external_id == external_id,
        Cloud.id != cloud.id,
    )
    if db.session.scalar(others) is not None:
        raise Refused(Code.EXTERNAL_ID_TAKEN)
    if cloud.carried_out_at is None:  # the ID stays: people have access there
        cloud.carried_out_at, cloud.external_id = db.now(), external_id
    cloud.carried_out_name = cloud.asked_name


def _record(action: Action, row: PendingTasks, **facts: Any) -> None:
    audit.record(action, by=WORKER, chain=row.payer.chain, thing=row.cloud.id, **facts)
