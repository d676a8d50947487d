"""Settle deliveries without a relay's reply: cancelled, parked by a restore, arrived or not."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, case, select, update

from portal import db
from portal.domain import jobs
from portal.domain.jobs import Job
from portal.domain.mail_deliveries.record import (
    JOB_STATES,
    OPEN_STATES,
    RESTORED,
    DeliveryState,
    MailDelivery,
    lane_of,
    lock_where,
)

CANCELLED_BY_OPERATOR = "an operator of this portal cancelled it"


def cancel(kind: str, *, about: str) -> None:
    """Cancel an unsent mail. One in transmission can't be stopped, but setting its `finished_at`
    prevents a retry."""
    ids = lock_where(MailDelivery.kind == kind, MailDelivery.about == about, _is_open())
    is_leaving = MailDelivery.state == DeliveryState.TRANSMITTING
    rows = db.session.execute(
        update(MailDelivery)  # one statement: the state could change between two
        .where(MailDelivery.id.in_(ids), _is_open())
        .values(
            state=case((is_leaving, MailDelivery.state), else_=DeliveryState.CANCELLED),
            token=case((is_leaving, MailDelivery.token), else_=None),
            finished_at=db.now(),
        )
        .returning(MailDelivery.id, MailDelivery.state)
    ).all()
    _end_jobs(
        [row.id for row in rows if row.state is DeliveryState.CANCELLED], jobs.State.CANCELLED
    )


def park_restored() -> list[str]:
    """After a restore, make open mails that are sent at most once unknown: they may have left since
    the backup. Other open mails wait until their jobs, which are parked, run again. Returns the IDs
    of the former."""
    ids = lock_where(_is_open())
    is_repeatable = MailDelivery.id.in_(ids), MailDelivery.is_once.is_(False)
    values: dict[str, Any] = {"state": DeliveryState.PENDING, "answer": jobs.RESTORED}
    values |= dict.fromkeys(("token", "leased_until", "finished_at"))
    db.session.execute(update(MailDelivery).where(*is_repeatable).values(values))
    is_once = MailDelivery.id.in_(ids), MailDelivery.is_once.is_(True)
    once_ids = db.session.scalars(select(MailDelivery.id).where(*is_once)).all()
    for delivery_id in once_ids:
        _settle(delivery_id, DeliveryState.UNKNOWN, code=RESTORED)
    return list(once_ids)


def record_answered(kind: str, *, about: str) -> None:
    """Record that the recipient has answered the mail: if its delivery is unknown, it arrived.

    Open deliveries are locked as well: an outcome that a worker records at the same time is either
    seen here, or its worker sees the answer.
    """
    is_unsettled = _is_open() | (MailDelivery.state == DeliveryState.UNKNOWN)
    for delivery_id in lock_where(
        MailDelivery.kind == kind, MailDelivery.about == about, is_unsettled
    ):
        record_arrived(delivery_id)


def record_arrived(delivery_id: str) -> bool:
    """Record that a mail with unknown delivery arrived. False if its delivery is not unknown."""
    return _settle_unknown(delivery_id, DeliveryState.ARRIVED)


def record_not_arrived(delivery_id: str, *, code: str) -> bool:
    """Record an operator's word, for the reason `code`, that a mail with unknown delivery has not
    arrived. False if its delivery is not unknown."""
    return _settle_unknown(delivery_id, DeliveryState.NOT_ARRIVED, code=code)


def _settle_unknown(delivery_id: str, state: DeliveryState, *, code: str | None = None) -> bool:
    is_unknown = MailDelivery.id == delivery_id, MailDelivery.state == DeliveryState.UNKNOWN
    locked = lock_where(*is_unknown)
    for locked_id in locked:
        _settle(locked_id, state, code=code)
    return bool(locked)


def requeue(delivery: MailDelivery) -> None:
    """Let a repeatable mail that failed or was refused be tried again for GIVE_UP_AFTER. The caller
    has locked it, and requeues its job."""
    delivery.state, delivery.code, delivery.finished_at = DeliveryState.PENDING, None, None
    delivery.attempts, delivery.first_tried_at = 0, None
    db.session.flush()


def cancel_by_operator(delivery: MailDelivery) -> None:
    """End a mail that certainly has not left, with its job; the caller has locked both. One that is
    sent at most once fails, so that it can be sent again."""
    state = DeliveryState.FAILED if delivery.is_once else DeliveryState.CANCELLED
    _settle(delivery.id, state)
    delivery.answer = CANCELLED_BY_OPERATOR
    db.session.flush()


def _settle(delivery_id: str, state: DeliveryState, *, code: str | None = None) -> None:
    delivery = db.session.get_one(MailDelivery, delivery_id, populate_existing=True)
    delivery.state, delivery.token, delivery.code = state, None, code or delivery.code
    delivery.finished_at = db.now()
    db.session.flush()
    _end_jobs([delivery_id], JOB_STATES[state])


def _end_jobs(ids: Collection[str], state: jobs.State) -> None:
    keys = [lane_of(delivery_id) for delivery_id in ids]
    values = {"state": state, "token": None, "leased_until": None, "finished_at": db.now()}
    db.session.execute(update(Job).where(Job.key.in_(keys)).values(values))


def _is_open() -> ColumnElement[bool]:
    return MailDelivery.state.in_(OPEN_STATES)
