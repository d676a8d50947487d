"""Publishing a staged delivery by one short transaction, and removing one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update

from portal import db
from portal.domain import access, audit, charges, identity, installation, locks
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.charges import FutureRow
from portal.domain.errors import Code, Refused
from portal.domain.ledger import Posting, PostingKind
from portal.domain.usage.amounts import exact
from portal.domain.usage.preparing import (
    basis_of,
    current_posting,
    in_force,
    refuse_purged,
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
    "usage-bad-fetched", "usage-no-rows", "usage-rows-purged", "usage-money-changed",
    "usage-read-otherwise"), Outdated,
    and as `refuse_repetition`.
    """
    identity.require_recent(by)
    access.require_operator(by, Action.USAGE_PUBLISH)
    installation.fix_money()
    source, delivery = lock_delivery(delivery)
    if delivery.state is State.PUBLISHED:
        return
    _refuse_unpublishable(delivery, skip_bad_rows=skip_bad_rows)
    if source.connection_id is None:  # else its days are fetched again, and may be as they were
        refuse_repetition(source, delivery.mode, delivery.sha256, again=again)
    refuse_purged(replaced_by(delivery))
    posting = _prepared(delivery)
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


def _prepared(delivery: Delivery) -> Posting:
    return current_posting(
        PostingKind.DELIVERY, delivery.id, lambda: basis_of(delivery, replaced_by(delivery))
    )


def charge(delivery: Delivery) -> None:
    """The worker posts the charges of a delivery that was published before there were charges. Has
    no effect on one that is charged, or not in force. Raises Outdated."""
    _source, delivery = lock_delivery(delivery)
    is_charged = Posting.subject == delivery.id, Posting.posted_at.is_not(None)
    has_posting = db.session.scalar(select(Posting.id).where(*is_charged).limit(1))
    if delivery.state is State.PUBLISHED and not has_posting:
        charges.post(_prepared(delivery))


def _refuse_unpublishable(delivery: Delivery, *, skip_bad_rows: bool) -> None:
    if delivery.state is not State.STAGED:
        raise Refused(Code.USAGE_NOT_STAGED)
    if (delivery.currency, delivery.time_zone) != installation.fixed_money():
        raise Refused(Code.USAGE_READ_OTHERWISE)
    is_fetched = delivery.source.connection_id is not None
    if delivery.bad_rows and not skip_bad_rows:
        raise Refused(
            Code.USAGE_BAD_FETCHED if is_fetched else Code.USAGE_BAD_ROWS, count=delivery.bad_rows
        )
    if not delivery.rows and not is_fetched:
        raise Refused(Code.USAGE_NO_ROWS)


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

    Raises ReauthenticationRequired, Forbidden, Refused("usage-not-published",
    "usage-rows-purged"), Outdated.
    """
    identity.require_recent(by)
    access.require_operator(by, Action.USAGE_REMOVE)
    source, delivery = lock_delivery(delivery)
    if delivery.state is State.REMOVED:
        return
    if delivery.state is not State.PUBLISHED:
        raise Refused(Code.USAGE_NOT_PUBLISHED)
    refuse_purged(in_force(Delivery.id == delivery.id))
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


def lock_delivery(delivery: Delivery) -> tuple[UsageSource, Delivery]:
    """Lock the source, and the delivery with those of the source that are in force."""
    source = db.lock(UsageSource, delivery.source_id)
    is_open = select(DeliveryScope.delivery_id).where(DeliveryScope.ended_at.is_(None))
    is_locked = or_(Delivery.id == delivery.id, Delivery.id.in_(is_open))
    which = Delivery.source_id == source.id, is_locked
    db.session.execute(locks.select_for_update(Delivery.id, *which)).all()
    return source, db.session.get_one(Delivery, delivery.id, populate_existing=True)
