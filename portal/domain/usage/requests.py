"""Requests of operators: publish or remove, now or by a worker; discard; queue an upload."""

from __future__ import annotations

from typing import Any

from portal import db
from portal.domain import access, audit, jobs
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.usage.preparing import Outdated
from portal.domain.usage.publishing import lock_delivery, publish, remove
from portal.domain.usage.record import Delivery, State
from portal.domain.usage.staging import lane_of, queue_staging, stored

DISCARDABLE = (State.UPLOADING, State.UPLOADED, State.STAGED, State.REFUSED)


def publish_or_queue(delivery: Delivery, *, by: Actor, **options: bool) -> bool:
    """Publish a delivery; if it is to be prepared again, a worker does both. Return whether it is
    published. Raises as `publish`."""
    try:
        publish(delivery, by=by, **options)
    except Outdated:
        _queue(delivery, "publish", by, options)
        return False
    return True


def remove_or_queue(delivery: Delivery, *, by: Actor) -> bool:
    """Remove a delivery; if that is to be prepared, a worker does both. Return whether it is
    removed. Raises as `remove`."""
    try:
        remove(delivery, by=by)
    except Outdated:
        _queue(delivery, "remove", by, {})
        return False
    return True


def _queue(delivery: Delivery, step: str, by: Actor, options: dict[str, bool]) -> None:
    facts = {"step": step, "by": by.id, "options": options}
    lane, subject = lane_of(delivery.source_id), ("delivery", delivery.id)
    jobs.add(jobs.Kind.USAGE, key=lane, subject=subject, facts=facts)


def discard(delivery: Delivery, *, by: Actor) -> None:
    """An operator discards a delivery that is not published; the worker deletes its rows.

    Raises Forbidden, Refused("usage-not-staged").
    """
    access.require_operator(by, Action.USAGE_DISCARD)
    _source, delivery = lock_delivery(delivery)
    if delivery.state not in DISCARDABLE:
        raise Refused(Code.USAGE_NOT_STAGED)
    delivery.state = State.REFUSED
    delivery.refusal = stored(Refused(Code.USAGE_DISCARDED))
    db.session.flush()
    facts = {"source": delivery.source_id}
    audit.record(Action.USAGE_DISCARD, by=by, chain=audit.INSTALLATION, thing=delivery.id, **facts)


def queue(delivery: Delivery, *, by: Actor) -> None:
    """An operator has uploaded all files of a delivery; a worker stages it next.

    Raises Forbidden, Refused("usage-not-staged").
    """
    access.require_operator(by, Action.USAGE_UPLOAD)
    _source, delivery = lock_delivery(delivery)
    if delivery.state is not State.UPLOADING:
        raise Refused(Code.USAGE_NOT_STAGED)
    delivery.state = State.UPLOADED
    db.session.flush()
    queue_staging(delivery)
    facts: dict[str, Any] = {"source": delivery.source_id, "files": len(delivery.files)}
    audit.record(Action.USAGE_UPLOAD, by=by, chain=audit.INSTALLATION, thing=delivery.id, **facts)
