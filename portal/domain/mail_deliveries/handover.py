"""Hand over a delivery: claim it, mark it before the final dot, record the outcome.

The row of the delivery alone decides; its job, locked first, follows it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from portal import db
from portal.domain import jobs
from portal.domain.jobs import GIVE_UP_AFTER, Outcome
from portal.domain.mail_deliveries.record import (
    JOB_STATES,
    KINDS,
    OPEN_STATES,
    WORKER_DIED,
    DeliveryState,
    MailDelivery,
    lane_of,
)

LEASE = timedelta(minutes=5)
"""For all steps before the mark, which take a minute at most."""
REPLY_WAIT = timedelta(minutes=10)
"""RFC 5321, 4.5.3.2.6: a client waits ten minutes for the reply to the final dot."""
REPLY_LEASE = REPLY_WAIT + timedelta(minutes=1)
"""Longer than REPLY_WAIT, so that a reply in the last second is recorded before the lease ends."""


def claim_next(*kinds: str) -> MailDelivery | None:
    """Claim the next due delivery of these kinds of jobs, by default of all, with a new token,
    until the lease ends; None if nothing is due."""
    while (job := jobs.claim_next(*kinds or KINDS, lease=LEASE)) is not None:
        delivery = db.lock(MailDelivery, job.subject_id)
        if delivery.state is not DeliveryState.PENDING:  # settled by hand, in SQL
            jobs.finish(job.key, job.token, Outcome(JOB_STATES[delivery.state]))
            continue
        delivery.state, delivery.token = DeliveryState.CLAIMED, job.token
        delivery.leased_until = job.leased_until
        delivery.first_tried_at = delivery.first_tried_at or db.now()
        delivery.attempts += 1
        db.session.flush()
        return delivery
    return None


def mark_transmitting(delivery_id: str, token: str) -> bool:
    """Mark that the mail may leave from now on. False if this worker has lost the delivery: it must
    hang up."""
    until = db.now() + REPLY_LEASE
    is_once = db.session.scalar(select(MailDelivery.is_once).where(MailDelivery.id == delivery_id))
    if not jobs.extend_lease(lane_of(delivery_id), token, until, keeps_worker=not is_once):
        return False
    statement = _update_claimed(delivery_id, token, DeliveryState.CLAIMED)
    statement = statement.where(MailDelivery.leased_until >= db.now())
    values = {"state": DeliveryState.TRANSMITTING, "leased_until": until}
    return _execute_update(statement.values(values))


def record_sent(delivery_id: str, token: str, answer: str, code: str | None = None) -> bool:
    """Record that the relay accepted the mail, with its reply. False if the claim is lost."""
    return _finish(delivery_id, token, DeliveryState.SENT, answer, code)


def record_refused(delivery_id: str, token: str, answer: str, code: str | None = None) -> bool:
    """Record a permanent refusal (5xx), with the relay's reply. False if the claim is lost."""
    return _finish(delivery_id, token, DeliveryState.REFUSED, answer, code)


def record_no_reply(delivery_id: str, token: str, answer: str, code: str | None = None) -> bool:
    """Record that no reply came. After the mark the mail may have left: one that is sent at most
    once becomes unknown; others are retried. False if the claim is lost."""
    delivery = _lock(delivery_id)
    if delivery.is_once and delivery.state is DeliveryState.TRANSMITTING:
        return _finish(delivery_id, token, DeliveryState.UNKNOWN, answer, code)
    return record_not_handed_over(delivery_id, token, answer, code)


def record_not_handed_over(
    delivery_id: str, token: str, answer: str, code: str | None = None
) -> bool:
    """Record that the mail certainly was not handed over: retry later, or, once its first try is
    GIVE_UP_AFTER ago, fail. False if the claim is lost."""
    delivery = _lock(delivery_id)
    retry_at = db.now() + jobs.retry_wait(delivery.attempts)
    return _retry(delivery, token, retry_at, answer, code)


def settle_lost() -> list[str]:
    """Settle deliveries whose worker died. After the mark, a mail that is sent at most once becomes
    unknown; all others are retried at once, or fail as by `record_not_handed_over`.

    Returns the IDs of the deliveries that are unknown or failed now.
    """
    settled = []
    for job in jobs.lock_lost(*KINDS):
        delivery, token = db.lock(MailDelivery, job.subject_id), job.token or ""
        if delivery.is_once and delivery.state is DeliveryState.TRANSMITTING:
            _finish(delivery.id, token, DeliveryState.UNKNOWN, None, WORKER_DIED)
        else:
            _retry(delivery, token, db.now(), jobs.WORKER_DIED, WORKER_DIED)
        db.session.refresh(delivery)
        if delivery.state in (DeliveryState.UNKNOWN, DeliveryState.FAILED):
            settled.append(delivery.id)
    return settled


def _lock(delivery_id: str) -> MailDelivery:
    jobs.lock(lane_of(delivery_id))
    return db.lock(MailDelivery, delivery_id)


def _retry(delivery: MailDelivery, token: str, at: datetime, answer: str, code: str | None) -> bool:
    now = db.now()
    if delivery.finished_at is not None:
        return _finish(delivery.id, token, DeliveryState.CANCELLED, answer, code)
    if now - (delivery.first_tried_at or now) >= GIVE_UP_AFTER and _is_tried(delivery, code):
        return _finish(delivery.id, token, DeliveryState.FAILED, answer, code)
    retry = Outcome(jobs.State.WAITING, answer, at, is_fault=True)
    jobs.finish(lane_of(delivery.id), token, retry)
    values = {"state": DeliveryState.PENDING, "token": None, "answer": answer, "code": code}
    return _execute_update(_update_claimed(delivery.id, token, *OPEN_STATES).values(values))


def _is_tried(delivery: MailDelivery, code: str | None) -> bool:
    """Whether the mail itself had its tries: a worker's death may have had another cause."""
    return code != WORKER_DIED or delivery.attempts > len(jobs.RETRY_AFTER)


def _finish(
    delivery_id: str, token: str, state: DeliveryState, answer: str | None, code: str | None
) -> bool:
    jobs.finish(lane_of(delivery_id), token, Outcome(JOB_STATES[state], answer or ""))
    values: dict[str, Any] = {"state": state, "token": None, "finished_at": db.now()}
    values |= {"answer": answer, "code": code}
    return _execute_update(_update_claimed(delivery_id, token, *OPEN_STATES).values(values))


def _update_claimed(delivery_id: str, token: str, *states: DeliveryState) -> Any:
    """An UPDATE of the delivery while it is in one of these states and claimed with this token."""
    return update(MailDelivery).where(
        MailDelivery.id == delivery_id,
        MailDelivery.token == token,
        MailDelivery.state.in_(states),
    )


def _execute_update(statement: Any) -> bool:
    """Execute the UPDATE; whether it changed a row."""
    result: Any = db.session.execute(statement)
    return bool(result.rowcount == 1)
