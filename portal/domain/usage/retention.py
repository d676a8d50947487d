"""Retention: what was never published goes, rows of ended scopes, and after RAW_MONTHS all rows."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, or_, select

from portal import db
from portal.domain import billing_days, policy
from portal.domain.errors import Code, Refused
from portal.domain.usage.clearing import (
    GROUPS_BATCH,
    PARTS_BATCH,
    clear_some,
    delete_batch,
)
from portal.domain.usage.record import (
    Delivery,
    DeliveryKey,
    DeliveryPart,
    DeliveryScope,
    DeliveryUpload,
    State,
    UsageGroup,
)
from portal.domain.usage.staging import DIED, stored

UNUSED_RETENTION = timedelta(days=3)
"""Of a delivery that nobody published."""
ENDED_RETENTION = timedelta(days=35)
"""Of the rows of a delivery none of which is in force; its sums stay."""


def purge_expired() -> bool:
    """Give up a delivery that nobody published, or delete a batch of rows that nothing needs.
    Return whether there may be more."""
    return _give_up() or _clear_refused() or _clear_uploads() or _clear_ended() or _clear_old_rows()


def _lock_first(*which: ColumnElement[bool]) -> Delivery | None:
    query = select(Delivery).where(*which).order_by(Delivery.id).limit(1)
    return db.session.scalar(query.with_for_update(of=Delivery, skip_locked=True, key_share=True))


def _has(model: type[db.Base]) -> ColumnElement[bool]:
    return exists().where(model.delivery_id == Delivery.id)  # type: ignore[attr-defined]


def _give_up() -> bool:
    """A delivery that was not published in time is refused; so is one whose process died."""
    oldest, now = db.now() - UNUSED_RETENTION, db.now()
    unused = (State.UPLOADING, State.UPLOADED, State.STAGED)
    is_unused = and_(Delivery.state.in_(unused), Delivery.created_at < oldest)
    is_dead = and_(Delivery.state == State.STAGING, Delivery.leased_until < now - UNUSED_RETENTION)
    delivery = _lock_first(or_(is_unused, is_dead))
    if delivery is None:
        return False
    is_dead_now = delivery.state is State.STAGING
    delivery.refusal = DIED if is_dead_now else stored(Refused(Code.USAGE_EXPIRED))
    delivery.state, delivery.token, delivery.leased_until = State.REFUSED, None, None
    db.session.flush()
    return True


def _clear_refused() -> bool:
    left = (DeliveryPart, UsageGroup, DeliveryKey, DeliveryScope, DeliveryUpload)
    is_left = or_(*(_has(model) for model in left))
    delivery = _lock_first(Delivery.state == State.REFUSED, is_left)
    if delivery is not None:
        clear_some(delivery.id, with_upload=True)
    return delivery is not None


def _clear_uploads() -> bool:
    """Uploaded files are not needed once their rows are staged."""
    is_staged = Delivery.state.in_((State.STAGED, State.PUBLISHED, State.REMOVED))
    delivery = _lock_first(is_staged, _has(DeliveryUpload))
    if delivery is not None:
        delete_batch(DeliveryUpload, delivery.id, PARTS_BATCH)
    return delivery is not None


def _clear_ended() -> bool:
    is_kept = exists().where(
        DeliveryScope.delivery_id == Delivery.id,
        or_(DeliveryScope.ended_at.is_(None), DeliveryScope.ended_at > db.now() - ENDED_RETENTION),
    )
    is_over = Delivery.state.in_((State.PUBLISHED, State.REMOVED))
    delivery = _lock_first(is_over, ~is_kept, or_(_has(DeliveryPart), _has(UsageGroup)))
    if delivery is not None:
        parts = delete_batch(DeliveryPart, delivery.id, PARTS_BATCH)
        if not parts:
            delete_batch(UsageGroup, delivery.id, GROUPS_BATCH)
    return delivery is not None


def _clear_old_rows() -> bool:
    """After RAW_MONTHS rows go, also of deliveries in force; groups and all other sums stay."""
    is_old = Delivery.published_at < _oldest_kept()
    delivery = _lock_first(Delivery.state == State.PUBLISHED, is_old, _has(DeliveryPart))
    if delivery is None:
        return False
    delivery.rows_purged_at = delivery.rows_purged_at or db.now()
    delete_batch(DeliveryPart, delivery.id, PARTS_BATCH)
    return True


def _oldest_kept() -> datetime:
    """When the month began that is RAW_MONTHS ago."""
    today = billing_days.today()
    months = today.year * 12 + today.month - 1 - policy.current().raw_months
    return billing_days.start_of(date(months // 12, months % 12 + 1, 1))
