"""Pending tasks: what is agreed about a cloud, compared with what its connection has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, or_, select

from portal import db
from portal.domain.accounts import BillingAccount
from portal.domain.clouds.record import Cloud, Link
from portal.domain.connections import Connection, Kind


class Task(StrEnum):
    CREATE = "create"
    RENAME = "rename"
    LIMIT = "limit"
    SUSPEND = "suspend"
    RESUME = "resume"
    CLOSE = "close"
    EMPTY = "empty"
    """Delete what is in a closed cloud: always done by hand."""


class PendingTasks(NamedTuple):
    """A cloud with its connection and the account that pays for it."""

    cloud: Cloud
    connection: Connection
    payer: BillingAccount

    @property
    def asks(self) -> bool:
        """Whether jobs carry the tasks out; else an operator does."""
        return self.connection.kind not in (Kind.BUILTIN, Kind.MANUAL)

    @property
    def tasks(self) -> list[Task]:
        """What is to be done, in this order; empty if the cloud is as agreed."""
        if self.connection.kind == Kind.BUILTIN:
            return []
        return self._open_tasks() if self.cloud.closed_at is None else self._closed_tasks()

    def _open_tasks(self) -> list[Task]:
        cloud, is_suspended = self.cloud, self.payer.suspended_at is not None
        is_new = cloud.carried_out_at is None
        if is_new and self.payer.parent_id is not None and self.payer.confirmed_at is None:
            return []  # it is created when the customer confirms
        is_there = cloud.is_suspended_there
        is_due = {
            Task.CREATE: is_new,
            Task.RENAME: not is_new and cloud.carried_out_name != cloud.name,
            Task.LIMIT: not is_new and cloud.carried_out_limits != cloud.limits,
            Task.SUSPEND: is_suspended and is_there is not True,
            Task.RESUME: not is_suspended and is_there is not False,
        }
        return [task for task, due in is_due.items() if due]

    def _closed_tasks(self) -> list[Task]:
        """If its creation was asked for, it may exist: then it is found by creating it."""
        cloud = self.cloud
        if cloud.carried_out_at is None:
            return [Task.CREATE] if cloud.asked_at is not None else []
        if cloud.closed_there_at is None:
            return [Task.CLOSE]
        return [Task.EMPTY] if cloud.emptied_at is None else []

    @property
    def mark(self) -> str:
        """What the tasks are, so that *Done* is about what its page showed."""
        limits = self.cloud.limits
        shown = [json.dumps(limits, sort_keys=True)] if limits else []
        text = "\n".join((*self.tasks, self.cloud.name, *shown))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def cursor(self) -> str:
        """The place of this row in the list of *To carry out*, for `after` of the next page."""
        return f"{int(self.cloud.fault is not None)}-{self.cloud.id}"

    @property
    def fault(self) -> str | None:
        """Why these tasks can't be done; what was said of others counts no more."""
        return self.cloud.fault if self.cloud.fault_mark == self.mark else None


def has_tasks() -> ColumnElement[bool]:
    """The condition, beside the cloud's connection and payer, for clouds with tasks."""
    is_suspended = BillingAccount.suspended_at.is_not(None)
    is_confirmed = or_(BillingAccount.parent_id.is_(None), BillingAccount.confirmed_at.is_not(None))
    is_changed = or_(
        Cloud.carried_out_name.is_distinct_from(Cloud.name),
        Cloud.carried_out_limits.is_distinct_from(Cloud.limits),
        Cloud.is_suspended_there.is_distinct_from(is_suspended),
    )
    is_new, is_open = Cloud.carried_out_at.is_(None), Cloud.closed_at.is_(None)
    may_be_there = or_(~is_new, Cloud.asked_at.is_not(None))
    return and_(
        Connection.kind != Kind.BUILTIN,
        or_(
            and_(is_open, or_(and_(is_new, is_confirmed), and_(~is_new, is_changed))),
            and_(~is_open, may_be_there, Cloud.emptied_at.is_(None)),
        ),
    )


def pending_query() -> Any:
    """The query of the columns of PendingTasks."""
    return (
        select(Cloud, Connection, BillingAccount)
        .join(Connection, Connection.id == Cloud.connection_id)
        .join(Link, and_(Link.cloud_id == Cloud.id, Link.until_at.is_(None)))
        .join(BillingAccount, BillingAccount.id == Link.account_id)
    )


def pending_tasks(cloud: Cloud) -> PendingTasks:
    """What is to be carried out for the cloud. The caller has checked that the actor sees it."""
    return pending_tasks_of([cloud.id])[0]


def pending_tasks_of(cloud_ids: Collection[str]) -> list[PendingTasks]:
    """The same of several clouds, by ID."""
    db.session.flush()  # the rows are read again, as they are now
    query = pending_query().where(Cloud.id.in_(cloud_ids)).order_by(Cloud.id)
    rows = db.session.execute(query.execution_options(populate_existing=True))
    return [PendingTasks(*row) for row in rows]
