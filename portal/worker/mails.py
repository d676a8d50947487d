"""Deliver a mail: hand it over to the relay, record what became of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import structlog

from portal import db, mail
from portal.domain import circuit_breakers, customers, jobs, mail_deliveries
from portal.domain.mail_deliveries import MailDelivery

log = structlog.get_logger(__name__)

VERBS = (
    (mail.RefusedByRelay, mail_deliveries.record_refused),
    (mail.NotHandedOver, mail_deliveries.record_not_handed_over),
    (mail.OutcomeUnknown, mail_deliveries.record_no_reply),
)
"""What records each failure of a hand-over."""


class Result(NamedTuple):
    """What a hand-over came to: the verb that records it, the relay's words and code, and whether
    the relay is down; None if it was not asked."""

    verb: Callable[..., bool]
    answer: str
    code: str | None = None
    is_relay_down: bool | None = None


def claim(kind: str, _lease: timedelta) -> MailDelivery | None:
    """Claim the next due delivery, detached from the session so that it needs no transaction."""
    for delivery_id in mail_deliveries.settle_lost():
        _notify(mail_deliveries.get(delivery_id))
    delivery = mail_deliveries.claim_next(kind)
    if delivery is not None:
        db.session.expunge(delivery)
    return delivery


def _notify(delivery: MailDelivery) -> None:
    """Notify of the delivery's state; a bug in that must not stop the mails."""
    try:
        with db.savepoint():
            customers.notify_of_delivery(delivery)
    except Exception as error:
        if db.unavailable_from(error, is_writing=True):
            raise
        log.exception("job.failed")


def deliver(delivery: MailDelivery) -> Callable[[], dict[str, Any] | None]:
    """Hand the mail over; return the unit of work that records the outcome."""
    result = _hand_over(delivery)
    return lambda: record_outcome(delivery.id, delivery.token or "", result)


def record_fault(delivery: MailDelivery, error: Exception) -> Callable[[], dict[str, Any] | None]:
    """Return the unit of work that records a fault of ours, after which the mail may have left."""
    answer = f"internal fault: {type(error).__name__}"
    result = Result(mail_deliveries.record_no_reply, answer, mail_deliveries.FAULT)
    return lambda: record_outcome(delivery.id, delivery.token or "", result)


def _hand_over(delivery: MailDelivery) -> Result:
    def mark() -> bool:
        token = delivery.token or ""
        return db.write(lambda: mail_deliveries.mark_transmitting(delivery.id, token))

    try:
        reply = mail.hand_over(delivery, mark)
    except mail.ClaimLost:
        # Another worker has it, or our lease ran out and we can still put it back.
        answer = "the relay was too slow: the time for handing over ran out"
        return Result(mail_deliveries.record_not_handed_over, answer, is_relay_down=True)
    except db.Unavailable:  # the mark could not be made, so the connection was dropped before
        answer = "the portal’s database was unavailable"
        return Result(mail_deliveries.record_not_handed_over, answer)
    except mail.HandoverFailed as error:
        verb = next(verb for kind, verb in VERBS if isinstance(error, kind))
        return Result(verb, str(error), _text(error.code), error.is_relay_down)
    return Result(mail_deliveries.record_sent, reply.text, _text(reply.code), is_relay_down=False)


def _text(code: int | None) -> str | None:
    return None if code is None else str(code)


def record_outcome(delivery_id: str, token: str, result: Result) -> dict[str, Any] | None:
    """Tell the circuit breaker of the kind, record the outcome, and notify of it. Return the facts
    for the log, or None if the claim is lost: what the relay has shown counts even then."""
    lane = mail_deliveries.lane_of(delivery_id)
    jobs.lock(lane)  # a job, the breaker, the delivery: the one lock order
    if result.is_relay_down:
        circuit_breakers.record_failure(jobs.kind_of(lane), result.answer)
    elif result.is_relay_down is False:
        circuit_breakers.record_answer(jobs.kind_of(lane))
    if not result.verb(delivery_id, token, result.answer, result.code):
        return None
    delivery = mail_deliveries.get(delivery_id)
    _notify(delivery)
    # Without the relay's words: they often name the recipient.
    facts = {"mail": delivery.kind, "state": delivery.state, "code": delivery.code}
    return {**facts, "attempts": delivery.attempts}
