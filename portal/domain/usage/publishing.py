"""Publishing a staged delivery by one short transaction, and removing one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update

from portal import db
from portal.domain import access, audit, charges, identity, installation, jobs, locks
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.charges import FutureRow
from portal.domain.errors import Code, Refused
from portal.domain.ledger import PostingKind
from portal.domain.usage.amounts import exact
from portal.domain.usage.preparing import (
    Outdated,
    basis_of,
    current_posting,
    in_force,
    replaced_by,
)
from portal.domain.usage.record import (
    Delivery,
    DeliveryScope,
    Mode,
    State,
    UsageSource,
    is_in_force,
)
from portal.domain.usage.staging import lane_of, queue_staging, stored

DISCARDABLE = (State.UPLOADING, State.UPLOADED, State.STAGED, State.REFUSED)


def refuse_repetition(source: UsageSource, mode: Mode, sha256: str, *, again: bool) -> None:
    """Raises Refused("usage-already-there") if a snapshot of these bytes is all that is in force in
    its scopes, and Refused("usage-append-again") if these bytes were appended and are in force,
    unless that is meant."""
    same = select(Delivery.id).where(
        Delivery.source_id == source.id,
        Delivery.sha256 == sha256,
        Delivery.mode == mode,
        Delivery.state == State.PUBLISHED,
    )
    for delivery_id in db.session.scalars(same):
        scopes = select(DeliveryScope.scope_on).where(DeliveryScope.delivery_id == delivery_id)
        open_scopes = _count(source, DeliveryScope.delivery_id == delivery_id)
        if mode is Mode.APPEND and open_scopes and not again:
            raise Refused(Code.USAGE_APPEND_AGAIN)
        others = _count(source, DeliveryScope.scope_on.in_(scopes)) - open_scopes
        count = db.session.scalar(select(func.count()).select_from(scopes.subquery()))
        if mode is Mode.OVERWRITE and open_scopes == count and not others:
            raise Refused(Code.USAGE_ALREADY_THERE)


def _count(source: UsageSource, *which: ColumnElement[bool]) -> int:
    """The number of the source's scopes in force under these conditions."""
    query = (
        select(func.count())
        .select_from(DeliveryScope)
        .join(Delivery, Delivery.id == DeliveryScope.delivery_id)
    )
    query = query.where(Delivery.source_id == source.id, is_in_force(), *which)
    return db.session.scalar(query) or 0


def publish(
    delivery: Delivery, *, by: Actor, skip_bad_rows: bool = False, again: bool = False
) -> None:
    """An operator publishes a staged delivery, and posts its charges. A snapshot ends what was in
    force in its scopes. Has no effect on one that is published.

    Raises ReauthenticationRequired, Forbidden, Refused("usage-not-staged", "usage-bad-rows",
    "usage-no-rows", "usage-money-changed", "usage-read-otherwise"), Outdated, and as
    `refuse_repetition`.
    """
    identity.require_recent(by)
    access.require_operator(by, Action.USAGE_PUBLISH)
    installation.fix_money()
    source, delivery = _lock(delivery)
    if delivery.state is State.PUBLISHED:
        return
    if delivery.state is not State.STAGED:
        raise Refused(Code.USAGE_NOT_STAGED)
    if (delivery.currency, delivery.time_zone) != installation.fixed_money():
        raise Refused(Code.USAGE_READ_OTHERWISE)
    if delivery.bad_rows and not skip_bad_rows:
        raise Refused(Code.USAGE_BAD_ROWS, count=delivery.bad_rows)
    if not delivery.rows:
        raise Refused(Code.USAGE_NO_ROWS)
    refuse_repetition(source, delivery.mode, delivery.sha256, again=again)
    posting = current_posting(
        PostingKind.DELIVERY, delivery.id, lambda: basis_of(delivery, replaced_by(delivery))
    )
    if delivery.mode is Mode.OVERWRITE:
        _end_scopes(source, delivery)
    charges.post(posting)
    delivery.state, delivery.published_at = State.PUBLISHED, db.now()
    db.session.flush()
    audit.record(
        Action.USAGE_PUBLISH,
        by=by,
        chain=audit.INSTALLATION,
        thing=delivery.id,
        source=source.id,
        mode=delivery.mode,
        rows=delivery.rows,
        skipped=delivery.bad_rows,
        amount=str(exact(delivery.micros, delivery.rest)),
        sha256=delivery.sha256,
    )


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


def _end_scopes(source: UsageSource, delivery: Delivery) -> None:
    """End what is in force of the source in the scopes of the delivery."""
    scopes = select(DeliveryScope.scope_on).where(DeliveryScope.delivery_id == delivery.id)
    published = select(Delivery.id).where(
        Delivery.source_id == source.id, Delivery.state == State.PUBLISHED
    )
    charges.forget_late_rows(FutureRow.delivery_id.in_(published), FutureRow.scope_on.in_(scopes))
    db.session.execute(
        update(DeliveryScope)
        .where(
            DeliveryScope.delivery_id.in_(published),
            DeliveryScope.ended_at.is_(None),
            DeliveryScope.scope_on.in_(scopes),
        )
        .values(ended_at=db.now(), ended_by=delivery.id)
        .execution_options(synchronize_session=False)
    )


def remove(delivery: Delivery, *, by: Actor) -> None:
    """An operator removes a published delivery: its scopes become empty, and no older snapshot
    comes into force. Its charges are posted back. Has no effect on one that is removed.

    Raises ReauthenticationRequired, Forbidden, Refused("usage-not-published"), Outdated.
    """
    identity.require_recent(by)
    access.require_operator(by, Action.USAGE_REMOVE)
    source, delivery = _lock(delivery)
    if delivery.state is State.REMOVED:
        return
    if delivery.state is not State.PUBLISHED:
        raise Refused(Code.USAGE_NOT_PUBLISHED)
    posting = current_posting(
        PostingKind.REMOVAL,
        delivery.id,
        lambda: basis_of(delivery, in_force(Delivery.id == delivery.id)),
    )
    charges.forget_late_rows(FutureRow.delivery_id == delivery.id)
    charges.post(posting)
    delivery.state, delivery.removed_at = State.REMOVED, db.now()
    db.session.execute(
        update(DeliveryScope)
        .where(DeliveryScope.delivery_id == delivery.id, DeliveryScope.ended_at.is_(None))
        .values(ended_at=db.now())
    )
    db.session.flush()
    facts: dict[str, Any] = {"source": source.id, "rows": delivery.rows}
    audit.record(Action.USAGE_REMOVE, by=by, chain=audit.INSTALLATION, thing=delivery.id, **facts)


def discard(delivery: Delivery, *, by: Actor) -> None:
    """An operator discards a delivery that is not published; the worker deletes its rows.

    Raises Forbidden, Refused("usage-not-staged").
    """
    access.require_operator(by, Action.USAGE_DISCARD)
    _source, delivery = _lock(delivery)
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
    _source, delivery = _lock(delivery)
    if delivery.state is not State.UPLOADING:
        raise Refused(Code.USAGE_NOT_STAGED)
    delivery.state = State.UPLOADED
    db.session.flush()
    queue_staging(delivery)
    facts: dict[str, Any] = {"source": delivery.source_id, "files": len(delivery.files)}
    audit.record(Action.USAGE_UPLOAD, by=by, chain=audit.INSTALLATION, thing=delivery.id, **facts)


def _lock(delivery: Delivery) -> tuple[UsageSource, Delivery]:
    """Lock the source, and the delivery with those of the source that are in force."""
    source = db.lock(UsageSource, delivery.source_id)
    is_open = select(DeliveryScope.delivery_id).where(DeliveryScope.ended_at.is_(None))
    is_locked = or_(Delivery.id == delivery.id, Delivery.id.in_(is_open))
    which = Delivery.source_id == source.id, is_locked
    db.session.execute(locks.select_for_update(Delivery.id, *which)).all()
    return source, db.session.get_one(Delivery, delivery.id, populate_existing=True)
