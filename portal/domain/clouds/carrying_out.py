"""*To carry out*: what operators do by hand at connections, and say that they have done."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_, tuple_
from sqlalchemy.exc import IntegrityError

from portal import db
from portal.domain import access, audit, identity
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.clouds.ordering import order_changes, record_changed
from portal.domain.clouds.pending import (
    PendingTasks,
    Task,
    has_tasks,
    pending_query,
    pending_tasks,
)
from portal.domain.clouds.record import Cloud
from portal.domain.connections import Connection, Kind
from portal.domain.errors import Code, Refused

PAGE_TO_CARRY_OUT = 50
CURSOR = re.compile(r"([01])-([0-9a-z]{20})")


class OnConnection(NamedTuple):
    """How many open clouds are on a connection, and for how many clouds there is something to carry
    out by hand, the oldest `since` then."""

    total: int
    by_hand: int
    since: datetime | None


def numbers_by_connection() -> dict[str, OnConnection]:
    """The numbers of clouds by the ID of their connection."""
    total = func.count().filter(Cloud.closed_at.is_(None))
    is_by_hand = and_(has_tasks(), _is_by_hand())
    by_hand = func.count().filter(is_by_hand), func.min(Cloud.agreed_at).filter(is_by_hand)
    query = pending_query().with_only_columns(Cloud.connection_id, total, *by_hand)
    rows = db.session.execute(query.group_by(Cloud.connection_id))
    return {connection_id: OnConnection(*numbers) for connection_id, *numbers in rows}


def connections_of(account: BillingAccount) -> list[tuple[Connection, int]]:
    """The connections of the open clouds that the account pays for, by ID, each with its number of
    them. The caller has checked that the actor sees the account."""
    is_its = BillingAccount.id == account.id, Cloud.closed_at.is_(None)
    query = pending_query().with_only_columns(Connection, func.count()).where(*is_its)
    rows = db.session.execute(query.group_by(Connection.id).order_by(Connection.id))
    return [(connection, number) for connection, number in rows]


def to_carry_out(actor: Actor, *, after: str = "") -> list[PendingTasks]:
    """A page of the clouds with something to carry out by hand, and one more if there is a next
    page: what is possible first, then the oldest. `after` is the `cursor` of the previous page's
    last row. Operators only."""
    query = _by_hand(actor)
    is_faulty = Cloud.fault.is_not(None)
    if place := CURSOR.fullmatch(after):
        query = query.where(tuple_(is_faulty, Cloud.id) > tuple_(place[1] == "1", place[2]))
    query = query.order_by(is_faulty, Cloud.id).limit(PAGE_TO_CARRY_OUT + 1)
    return [PendingTasks(*row) for row in db.session.execute(query)]


def entry_for(actor: Actor, cloud_id: str) -> PendingTasks | None:
    """The cloud in the list of what is to be carried out; None if it is not there."""
    row = db.session.execute(_by_hand(actor).where(Cloud.id == cloud_id)).first()
    return None if row is None else PendingTasks(*row)


def record_done(cloud: Cloud, *, external_id: str = "", mark: str, by: Actor) -> None:
    """An operator has done what the page with this `mark` showed. A new cloud has an ID there.

    Raises ReauthenticationRequired, Forbidden, Refused("record-changed", "external-id-missing",
    "external-id-taken").
    """
    row = _lock(cloud, Action.CLOUD_CARRY_OUT, mark=mark, by=by)
    cloud, tasks = row.cloud, row.tasks
    if Task.CREATE in tasks:
        if not external_id:
            raise Refused(Code.EXTERNAL_ID_MISSING, field="external_id")
        cloud.carried_out_at, cloud.external_id = db.now(), external_id
    if Task.EMPTY in tasks:
        cloud.emptied_at = db.now()
    elif Task.CLOSE in tasks:
        cloud.closed_there_at = db.now()
    else:
        cloud.carried_out_name, cloud.carried_out_limits = cloud.name, cloud.limits
        cloud.is_suspended_there = row.payer.suspended_at is not None
    try:
        with db.savepoint():
            record_changed(cloud)
    except IntegrityError as error:
        raise Refused(Code.EXTERNAL_ID_TAKEN, field="external_id") from error
    order_changes(cloud.id)
    _record(Action.CLOUD_CARRY_OUT, row, by=by, tasks=[str(task) for task in tasks])


def record_fault(cloud: Cloud, *, reason: str, mark: str, by: Actor) -> None:
    """An operator can't do what the page with this `mark` showed, and says why.

    Raises ReauthenticationRequired, Forbidden, Refused("record-changed").
    """
    row = _lock(cloud, Action.CLOUD_CARRY_OUT_FAULT, mark=mark, by=by)
    row.cloud.fault, row.cloud.fault_facts, row.cloud.fault_mark = reason, {}, mark
    db.session.flush()
    _record(Action.CLOUD_CARRY_OUT_FAULT, row, by=by)


def _by_hand(actor: Actor) -> Any:
    """The query of the clouds with tasks that the actor, an operator, does by hand."""
    return pending_query().where(Connection.visible_to(actor), has_tasks(), _is_by_hand())


def _is_by_hand() -> ColumnElement[bool]:
    is_to_empty = and_(Cloud.closed_at.is_not(None), Cloud.closed_there_at.is_not(None))
    return or_(Connection.kind == Kind.MANUAL, is_to_empty)


def _lock(cloud: Cloud, action: Action, *, mark: str, by: Actor) -> PendingTasks:
    """Lock the cloud; check that the actor may, and that the tasks are still those of `mark`."""
    identity.require_recent(by)
    access.require_operator(by, action)
    row = pending_tasks(db.lock(Cloud, cloud.id))
    if row.mark != mark or entry_for(by, cloud.id) is None:
        raise Refused(Code.RECORD_CHANGED)
    return row


def _record(action: Action, row: PendingTasks, *, by: Actor, **facts: Any) -> None:
    audit.record(action, by=by, chain=row.payer.chain, thing=row.cloud.id, **facts)
