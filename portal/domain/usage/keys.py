"""Keys: which cloud a source means; operators assign and unassign it, a worker applies that."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, time
from typing import NamedTuple

from sqlalchemy import select, update

from portal import db, usage_files
from portal.domain import access, audit, charges, identity, jobs, locks, policy
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.charges import FutureRow
from portal.domain.clouds import Cloud, Link
from portal.domain.errors import Code, Refused
from portal.domain.ledger import PostingKind
from portal.domain.usage.parts import parts_of
from portal.domain.usage.preparing import assignment_basis, current_posting, refuse_purged, with_key
from portal.domain.usage.record import (
    Delivery,
    DeliveryKey,
    State,
    UsageKey,
    UsageSource,
)
from portal.domain.usage.staging import lane_of

SUBJECT = "usage-key"
"""The kind of subject of an assignment's job."""
WITH_ROWS = (State.STAGED, State.PUBLISHED)


class Plan(NamedTuple):
    """An assignment as worked out outside of the transaction: rows, micros and rest *before the
    portal* by delivery and scope. `deliveries` are those with kept rows of the key; `cloud_id` is
    None if it is taken back."""

    key_id: str
    cloud_id: str | None
    deliveries: frozenset[str]
    before: Mapping[tuple[str, date], tuple[int, int, int]]


class PlanOutdated(Exception):
    """Deliveries of the key came or went since the plan was made."""


def plan_assignment(key: UsageKey, cloud_id: str | None) -> Plan:
    """Work out what an assignment changes, from the kept rows; None takes back the one there is.

    Raises Refused("usage-cloud-unknown").
    """
    if cloud_id is None:
        return Plan(key.id, None, _deliveries(key), {})
    is_first = Link.cloud_id == cloud_id, Link.continues_at.is_(None)
    since = db.session.scalar(select(Link.since_at).where(*is_first))
    if since is None:
        raise Refused(Code.USAGE_CLOUD_UNKNOWN, field="cloud")
    before: dict[tuple[str, date], tuple[int, int, int]] = {}
    for delivery_id, first_on in _first_days(key).items():
        if _start_of(first_on) < since:
            contents = parts_of(delivery_id)
            for scope_on, sums in usage_files.sum_before(contents, key.key, since).items():
                before[delivery_id, scope_on] = sums
    return Plan(key.id, cloud_id, _deliveries(key), before)


def _first_days(key: UsageKey) -> dict[str, date]:
    """The first usage day of the key, by delivery."""
    query = select(DeliveryKey.delivery_id, DeliveryKey.first_on).where(
        DeliveryKey.key_id == key.id, DeliveryKey.delivery_id.in_(_deliveries(key))
    )
    first: dict[str, date] = {}
    for delivery_id, day in db.session.execute(query):
        first[delivery_id] = min(day, first.get(delivery_id, day))
    return first


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), policy.current().billing_time_zone)


def _deliveries(key: UsageKey) -> frozenset[str]:
    query = (
        select(Delivery.id)
        .join(DeliveryKey, DeliveryKey.delivery_id == Delivery.id)
        .where(
            DeliveryKey.key_id == key.id,
            Delivery.state.in_(WITH_ROWS),
            Delivery.rows_purged_at.is_(None),
        )
    )
    return frozenset(db.session.scalars(query))


def assign(key: UsageKey, *, cloud_id: str, by: Actor) -> None:
    """An operator says which cloud a key is, for all its rows, past and to come; a worker applies
    it.

    Raises ReauthenticationRequired, Forbidden, Refused("usage-cloud-unknown").
    """
    identity.require_recent(by)
    access.require_operator(by, Action.USAGE_ASSIGN)
    db.lock(UsageSource, key.source_id)
    if db.session.get(Cloud, cloud_id) is None:
        raise Refused(Code.USAGE_CLOUD_UNKNOWN, field="cloud")
    facts = _queue(key, cloud_id, by)
    audit.record(Action.USAGE_ASSIGN, by=by, chain=audit.INSTALLATION, thing=key.source_id, **facts)


def unassign(key: UsageKey, *, by: Actor) -> None:
    """An operator takes back which cloud a key is, for all its rows, past and to come; a worker
    applies it.

    Raises ReauthenticationRequired, Forbidden, Refused("usage-not-assigned", "usage-rows-purged").
    """
    identity.require_recent(by)
    access.require_operator(by, Action.USAGE_UNASSIGN)
    db.lock(UsageSource, key.source_id)
    key = db.session.get_one(UsageKey, key.id, populate_existing=True)
    if key.cloud_id is None:
        raise Refused(Code.USAGE_NOT_ASSIGNED)
    refuse_purged(with_key(key, is_purged=True))
    facts = _queue(key, None, by)
    audit.record(
        Action.USAGE_UNASSIGN, by=by, chain=audit.INSTALLATION, thing=key.source_id, **facts
    )


def _queue(key: UsageKey, cloud_id: str | None, by: Actor) -> dict[str, str | None]:
    """Let a worker apply it; the facts of the audit line."""
    jobs.add(
        jobs.Kind.USAGE,
        key=lane_of(key.source_id),
        subject=(SUBJECT, key.id),
        facts={"cloud": cloud_id, "key": key.id, "by": by.id},
    )
    return {"cloud": cloud_id or key.cloud_id, "key": key.id}


def apply_assignment(plan: Plan, *, assigned_by: str) -> None:
    """The worker applies an assignment, and posts its charges. What is purged stays as it is; of a
    key that had no cloud, it counts as *before the portal*.

    Raises PlanOutdated, Outdated, Refused("usage-rows-purged").
    """
    key = db.session.get_one(UsageKey, plan.key_id)
    source = db.lock(UsageSource, key.source_id)
    key = db.session.get_one(UsageKey, plan.key_id, populate_existing=True)
    db.session.execute(locks.select_for_update(Delivery.id, Delivery.id.in_(plan.deliveries))).all()
    if _deliveries(key) != plan.deliveries:
        raise PlanOutdated
    purged = with_key(key, is_purged=True)
    if plan.cloud_id is None:
        refuse_purged(purged)
    posting = current_posting(
        PostingKind.ASSIGNMENT,
        key.id,
        lambda: assignment_basis(key, plan.cloud_id, with_key(key)),
    )
    charges.forget_late_rows(FutureRow.key_id == key.id, FutureRow.posting_id != posting.id)
    charges.post(posting)
    if key.cloud_id is None:
        _charge_nobody(key, {delivery_id for delivery_id, _scope in purged})
    is_assigned = plan.cloud_id is not None
    key.cloud_id = plan.cloud_id
    key.assigned_at, key.assigned_by = (db.now(), assigned_by) if is_assigned else (None, None)
    source.assignments += 1
    db.session.flush()
    _set_before(plan)


def _charge_nobody(key: UsageKey, delivery_ids: Collection[str]) -> None:
    """Nothing of the key in these deliveries is charged."""
    is_theirs = DeliveryKey.key_id == key.id, DeliveryKey.delivery_id.in_(delivery_ids)
    sums = {f"before_{name}": getattr(DeliveryKey, name) for name in ("rows", "micros", "rest")}
    statement = update(DeliveryKey).where(*is_theirs).values(sums)
    db.session.execute(statement.execution_options(synchronize_session=False))


def _set_before(plan: Plan) -> None:
    """Set what is *before the portal* in all deliveries of the key."""
    is_key = DeliveryKey.key_id == plan.key_id, DeliveryKey.delivery_id.in_(plan.deliveries)
    nothing = {"before_rows": 0, "before_micros": 0, "before_rest": 0}
    options = {"synchronize_session": False}
    db.session.execute(
        update(DeliveryKey).where(*is_key).values(nothing).execution_options(**options)
    )
    for (delivery_id, scope_on), sums in plan.before.items():
        is_row = DeliveryKey.delivery_id == delivery_id, DeliveryKey.scope_on == scope_on
        values = dict(zip(nothing, sums, strict=True))
        statement = update(DeliveryKey).where(DeliveryKey.key_id == plan.key_id, *is_row)
        db.session.execute(statement.values(values).execution_options(**options))
