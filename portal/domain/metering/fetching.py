"""Fetching: which days of a connection are ordered, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, or_, select

from portal import db
from portal.domain import access, audit, billing_months, circuit_breakers, jobs, locks, usage
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud, Link
from portal.domain.connections import Connection
from portal.domain.errors import Code, Refused
from portal.domain.jobs import OPEN_STATES, Job, OrderKind
from portal.domain.metering.days import DAY, days_between, due_days, fetching_day, month_before
from portal.domain.metering.record import UsageFetch
from portal.domain.metering.samples import sampled_days
from portal.domain.usage import Delivery, DeliveryScope, State, UsageKey, UsageSource

FETCH_USAGE = "fetch-usage"
"""The upkeep that orders what is due."""
HISTORY, SAMPLE = "usage-history", "usage-sample"
"""Abilities: to say what any past day used; to say what is given out now."""
SILENT_AFTER = timedelta(days=2)
"""Without a delivery."""
NOT_PUBLISHED = "usage-refused"
"""The fault of what a connection said and could not be published."""
TRIED_AGAIN_AFTER = timedelta(hours=6)
"""A delivery that could not be published."""
CLOSED_COUNTS = timedelta(days=43)
"""After a month was closed: until then its days may be due."""
FETCHED_AGAIN = timedelta(days=92)
"""How old a day may be that an operator has fetched again."""


class Plan(NamedTuple):
    """What a connection is asked: the usage of these clouds on these UTC days, the newest first.
    With `is_sampled`, samples say it. `currency` is that of the connection's costs, if it says."""

    source_id: str
    days: list[date]
    external_ids: frozenset[str]
    is_sampled: bool
    currency: str


def delivers(connection: Connection) -> bool:
    """Whether a test found that the connection says what its clouds use."""
    return connection.has_ability(HISTORY) or connection.has_ability(SAMPLE)


def samples_only(connection: Connection) -> bool:
    """Whether the connection says no more than what is given out now."""
    return connection.has_ability(SAMPLE) and not connection.has_ability(HISTORY)


def oldest_day() -> date:
    """The oldest day that can be fetched again."""
    return fetching_day(db.now() - FETCHED_AGAIN)


def last_day() -> date:
    """The last day whose usage is complete."""
    return fetching_day(db.now()) - DAY


def make_plan(connection_id: str, days: Iterable[str] = ()) -> Plan:
    """The worker asks a connection for the days that are due, and for these (ISO text). One that
    can't say what it used any more is asked for none: they would be delivered as empty."""
    connection = db.session.get_one(Connection, connection_id)
    source, is_sampled = usage.source_of(connection), samples_only(connection)
    wanted = sorted({*map(date.fromisoformat, days), *_due(connection, source)}, reverse=True)
    if not delivers(connection):
        wanted = []
    return Plan(
        source_id=source.id,
        days=sampled_days(connection.id, wanted) if is_sampled else wanted,
        external_ids=external_ids(connection.id) | _former_ids(source),
        is_sampled=is_sampled,
        currency=connection.settings.get("currency", ""),
    )


def external_ids(connection_id: str) -> frozenset[str]:
    """The connection's own IDs of our clouds, but of those that are empty for long."""
    is_ours = Cloud.connection_id == connection_id, Cloud.external_id.is_not(None), _may_use()
    return frozenset(
        str(row) for row in db.session.scalars(select(Cloud.external_id).where(*is_ours))
    )


def _former_ids(source: UsageSource) -> frozenset[str]:
    """The IDs under which clouds were delivered. One that was created again there has another ID
    since, and what it used before still counts."""
    query = select(UsageKey.key).join(Cloud, Cloud.id == UsageKey.cloud_id)
    return frozenset(db.session.scalars(query.where(UsageKey.source_id == source.id, _may_use())))


def _may_use() -> ColumnElement[bool]:
    """The condition for clouds that used something on a day that can be fetched again."""
    return or_(Cloud.emptied_at.is_(None), Cloud.emptied_at > db.now() - FETCHED_AGAIN)


def queue_due() -> dict[str, Any]:
    """Order a sample of each connection that only has samples, and the days that are due. Returns
    since when connections have not delivered for SILENT_AFTER."""
    silent: list[datetime] = []
    for connection_id in db.session.scalars(locks.select_for_update(Connection.id)).all():
        connection = db.session.get_one(Connection, connection_id)
        source = _source_of(connection)
        if delivers(connection) and external_ids(connection.id):
            _order_due(connection, source)
        elif source is None or not connection.test_result.get("missing"):
            continue  # else it may have lost the right to read usage
        since = last_delivered(source) or _fetch_of(connection.id).since_at
        if since < db.now() - SILENT_AFTER:
            silent.append(since)
    return {"silent_since": min(silent).isoformat()} if silent else {}


def _order_due(connection: Connection, source: UsageSource | None) -> None:
    days = _due(connection, source)
    if samples_only(connection):
        _order_once(OrderKind.SAMPLE_USAGE, connection)
        days = sampled_days(connection.id, days)
    fetch = db.session.get(UsageFetch, connection.id)
    was_refused = fetch is not None and fetch.fault == NOT_PUBLISHED
    is_early = fetch and fetch.failed_at and fetch.failed_at > db.now() - TRIED_AGAIN_AFTER
    if days and not (was_refused and is_early):
        _order_once(OrderKind.FETCH_USAGE, connection)


def queue_fetch(connection: Connection, *, since_on: date, by: Actor) -> None:
    """An operator has all days of a connection from this one on fetched again.

    Raises Forbidden, Refused("usage-not-delivered", "usage-days").
    """
    access.require_operator(by, Action.USAGE_FETCH)
    connection = db.lock(Connection, connection.id)
    if not delivers(connection):
        raise Refused(Code.USAGE_NOT_DELIVERED)
    first, last = oldest_day(), last_day()
    if not first <= since_on <= last:
        raise Refused(Code.USAGE_DAYS, field="since_on", first=first, last=last)
    order_days(connection, list(days_between(since_on, fetching_day(db.now()))))
    circuit_breakers.allow_probe(jobs.cloud_lane(connection.id))
    chain, facts = audit.INSTALLATION, {"since": since_on.isoformat()}
    audit.record(Action.USAGE_FETCH, by=by, chain=chain, thing=connection.id, **facts)


def order_days(connection: Connection, days: Collection[date]) -> None:
    """Order these days, and those of an order that waits. The caller has locked the connection."""
    is_waiting = Job.state == jobs.State.WAITING, Job.subject_id == connection.id
    query = select(Job.facts).where(Job.subject_kind == OrderKind.FETCH_USAGE, *is_waiting)
    asked = {day for facts in db.session.scalars(query) for day in facts.get("days", ())}
    listed = sorted({*asked, *(day.isoformat() for day in days)})
    jobs.add_order(
        OrderKind.FETCH_USAGE, connection.id, connection_id=connection.id, facts={"days": listed}
    )


def _order_once(kind: OrderKind, connection: Connection) -> None:
    """Order it, unless an order of this kind is open."""
    is_it = Job.subject_kind == kind, Job.subject_id == connection.id
    query = select(Job.id).where(*is_it, Job.state.in_(OPEN_STATES)).limit(1)
    if db.session.scalar(query) is None:
        jobs.add_order(kind, connection.id, connection_id=connection.id)


def record_success(connection_id: str, *, was_asked: bool, left: Sequence[date]) -> None:
    """The connection has delivered; the days that are left are ordered next. `was_asked`: its cloud
    has answered, so that an earlier fault is over."""
    connection = db.lock(Connection, connection_id)
    if was_asked:
        fetch = _fetch_of(connection.id)
        fetch.failed_at, fetch.fault, fetch.fault_facts = None, None, {}
        db.session.flush()
    if left:
        order_days(connection, left)


def record_fault(connection_id: str, fault: str, facts: Mapping[str, str]) -> None:
    """The connection could not be asked, or what it said could not be published."""
    fetch = _fetch_of(db.lock(Connection, connection_id).id)
    fetch.failed_at, fetch.fault, fetch.fault_facts = db.now(), fault, dict(facts)
    db.session.flush()


def last_delivered(source: UsageSource | None) -> datetime | None:
    """When the source delivered last."""
    if source is None:
        return None
    query = select(func.max(Delivery.published_at)).where(Delivery.source_id == source.id)
    return db.session.scalar(query)


def _fetch_of(connection_id: str) -> UsageFetch:
    fetch = db.session.get(UsageFetch, connection_id, populate_existing=True)
    if fetch is None:
        fetch = UsageFetch(connection_id=connection_id, since_at=db.now(), fault_facts={})
        db.session.add(fetch)
        db.session.flush()
    return fetch


def _source_of(connection: Connection) -> UsageSource | None:
    query = select(UsageSource).where(UsageSource.connection_id == connection.id)
    return db.session.scalar(query)


def _due(connection: Connection, source: UsageSource | None) -> list[date]:
    """The days that are due. They begin with that of the first link, and with the month before this
    one at the earliest; those of closed months are due once more after the closing."""
    is_here = Cloud.connection_id == connection.id, Cloud.external_id.is_not(None)
    query = select(func.min(Link.since_at)).join(Cloud, Cloud.id == Link.cloud_id).where(*is_here)
    linked_at = db.session.scalar(query)
    if linked_at is None:
        return []
    now = db.now()
    first = max(linked_at.date(), month_before(last_day()))
    closed = billing_months.closed_since(
        now - CLOSED_COUNTS, first=billing_months.month_of(linked_at.date())
    )
    delivered = _delivered_days(source, min([first, *closed])) if source else {}
    return due_days(first, now=now, delivered=delivered, closed=closed)


def _delivered_days(source: UsageSource, first: date) -> dict[date, datetime]:
    """When each day was delivered last; one whose delivery was removed counts."""
    query = (
        select(DeliveryScope.scope_on, func.max(Delivery.published_at))
        .join(Delivery, Delivery.id == DeliveryScope.delivery_id)
        .where(Delivery.source_id == source.id, DeliveryScope.scope_on >= first)
        .where(Delivery.state.in_((State.PUBLISHED, State.REMOVED)))
        .group_by(DeliveryScope.scope_on)
    )
    return {row[0]: row[1] for row in db.session.execute(query) if row[1] is not None}
