"""What is agreed about a cloud and not carried out yet at a connection whose kind is manual."""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.exc import IntegrityError

from portal import db
from portal.domain import access, audit, connections, identity
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.clouds.record import Cloud, Link
from portal.domain.connections import Connection
from portal.domain.errors import Code, Refused

PAGE = 50


class Task(StrEnum):
    CREATE = "create"
    RENAME = "rename"
    SUSPEND = "suspend"
    RESUME = "resume"


class ToCarryOut(NamedTuple):
    """A cloud with its connection and the account that pays for it."""

    cloud: Cloud
    connection: Connection
    payer: BillingAccount

    @property
    def tasks(self) -> list[Task]:
        """What is to be done, in this order; empty if the cloud is as agreed."""
        cloud, is_suspended = self.cloud, self.payer.suspended_at is not None
        if self.connection.kind != connections.Kind.MANUAL or cloud.closed_at is not None:
            return []
        is_new = cloud.carried_out_at is None
        if is_new and self.payer.parent_id is not None and self.payer.confirmed_at is None:
            return []  # it is created when the customer confirms
        is_due = {
            Task.CREATE: is_new,
            Task.RENAME: not is_new and cloud.carried_out_name != cloud.name,
            Task.SUSPEND: is_suspended and not cloud.is_suspended_there,
            Task.RESUME: not is_suspended and cloud.is_suspended_there,
        }
        return [task for task, due in is_due.items() if due]

    @property
    def agreed_at(self) -> datetime | None:
        """Since when the first task is agreed, where the portal knows it."""
        if Task.CREATE in self.tasks:
            return max(self.cloud.created_at, self.payer.confirmed_at or self.cloud.created_at)
        return self.payer.suspended_at if Task.SUSPEND in self.tasks else None

    @property
    def mark(self) -> str:
        """What the tasks are, so that *Done* is about what its page showed."""
        text = "\n".join((*self.tasks, self.cloud.name))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def fault(self) -> str | None:
        """Why these tasks can't be done; what was said of others counts no more."""
        return self.cloud.fault if self.cloud.fault_mark == self.mark else None


class OnConnection(NamedTuple):
    """How many clouds are on a connection, and how many of them are not as agreed there."""

    total: int
    waiting: int


def numbers_by_connection() -> dict[str, OnConnection]:
    """The numbers of open clouds by the ID of their connection."""
    columns = Cloud.connection_id, func.count(), func.count().filter(is_waiting())
    query = _rows().with_only_columns(*columns).where(Cloud.closed_at.is_(None))
    rows = db.session.execute(query.group_by(Cloud.connection_id))
    return {connection_id: OnConnection(*numbers) for connection_id, *numbers in rows}


def is_waiting() -> ColumnElement[bool]:
    """The condition, beside the cloud's connection and payer, for clouds with tasks."""
    is_suspended = BillingAccount.suspended_at.is_not(None)
    is_confirmed = or_(BillingAccount.parent_id.is_(None), BillingAccount.confirmed_at.is_not(None))
    is_changed = or_(Cloud.carried_out_name != Cloud.name, Cloud.is_suspended_there != is_suspended)
    is_new = Cloud.carried_out_at.is_(None)
    return and_(
        Connection.kind == connections.Kind.MANUAL,
        Cloud.closed_at.is_(None),
        or_(and_(is_new, is_confirmed), and_(~is_new, is_changed)),
    )


def to_carry_out(actor: Actor) -> list[ToCarryOut]:
    """The first PAGE clouds with something to carry out by hand: what is possible first, then the
    oldest. Operators only."""
    query = _rows().where(Connection.visible_to(actor), is_waiting())
    query = query.order_by(Cloud.fault.is_not(None), Cloud.id).limit(PAGE)
    return [ToCarryOut(*row) for row in db.session.execute(query)]


def entry_for(actor: Actor, cloud_id: str) -> ToCarryOut | None:
    """The cloud in the list of what is to be carried out; None if it is not there."""
    query = _rows().where(Connection.visible_to(actor), is_waiting(), Cloud.id == cloud_id)
    row = db.session.execute(query).first()
    return None if row is None else ToCarryOut(*row)


def progress_of(cloud: Cloud) -> ToCarryOut:
    """What is to be carried out for the cloud. The caller has checked that the actor sees it."""
    return ToCarryOut(*db.session.execute(_rows().where(Cloud.id == cloud.id)).one())


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
    cloud.carried_out_name = cloud.name
    cloud.is_suspended_there = row.payer.suspended_at is not None
    cloud.fault = cloud.fault_mark = None
    cloud.changed_there_at = db.now()
    try:
        with db.savepoint():
            db.session.flush()
    except IntegrityError as error:
        raise Refused(Code.EXTERNAL_ID_TAKEN, field="external_id") from error
    _record(Action.CLOUD_CARRY_OUT, row, by=by, tasks=[str(task) for task in tasks])


def record_fault(cloud: Cloud, *, reason: str, mark: str, by: Actor) -> None:
    """An operator can't do what the page with this `mark` showed, and says why.

    Raises ReauthenticationRequired, Forbidden, Refused("record-changed").
    """
    row = _lock(cloud, Action.CLOUD_CARRY_OUT_FAULT, mark=mark, by=by)
    row.cloud.fault, row.cloud.fault_mark = reason, mark
    db.session.flush()
    _record(Action.CLOUD_CARRY_OUT_FAULT, row, by=by)


def _rows() -> Any:
    """The query of the columns of ToCarryOut."""
    return (
        select(Cloud, Connection, BillingAccount)
        .join(Connection, Connection.id == Cloud.connection_id)
        .join(Link, and_(Link.cloud_id == Cloud.id, Link.until_at.is_(None)))
        .join(BillingAccount, BillingAccount.id == Link.account_id)
    )


def _lock(cloud: Cloud, action: Action, *, mark: str, by: Actor) -> ToCarryOut:
    """Lock the cloud; check that the actor may, and that the tasks are still those of `mark`."""
    identity.require_recent(by)
    access.require_operator(by, action)
    row = progress_of(db.lock(Cloud, cloud.id))
    if not row.tasks or row.mark != mark:
        raise Refused(Code.RECORD_CHANGED)
    return row


def _record(action: Action, row: ToCarryOut, *, by: Actor, **facts: Any) -> None:
    audit.record(action, by=by, chain=row.payer.chain, thing=row.cloud.id, **facts)
