"""Deliver a mail: hand it over to the relay, record what became of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from portal import db, mail
from portal.domain import circuit_breakers, customers, jobs, mail_deliveries
from portal.domain.mail_deliveries import MailDelivery


class Result(NamedTuple):
    """What a hand-over came to: the verb that records it, the relay's words and code, and whether
    the relay has answered; None if it was not asked."""

    verb: Callable[..., bool]
    answer: str
    code: str | None = None
    has_answered: bool | None = True


def claim(kind: str, _lease: timedelta) -> MailDelivery | None:
    """Claim the next due delivery, detached from the session so that it needs no transaction."""
    for delivery_id in mail_deliveries.settle_lost():
        customers.notify_of_delivery(mail_deliveries.get(delivery_id))
    delivery = mail_deliveries.claim_next(kind)
    if delivery is not None:
        db.session.expunge(delivery)
    return delivery


def deliver(delivery: MailDelivery) -> Callable[[], str | None]:
    """Hand the mail over; return the unit of work that records the outcome."""
    result = _hand_over(delivery)
    return lambda: record_outcome(delivery.id, delivery.token or "", result)


def record_fault(delivery: MailDelivery, error: Exception) -> Callable[[], str | None]:
    """Return the unit of work that records a fault of ours, after which the mail may have left."""
    answer = f"internal fault: {type(error).__name__}"
    result = Result(mail_deliveries.record_no_reply, answer, has_answered=None)
    return lambda: record_outcome(delivery.id, delivery.token or "", result)


def _hand_over(delivery: MailDelivery) -> Result:
    token = delivery.token or ""

    def mark() -> bool:
        return db.write(lambda: mail_deliveries.mark_transmitting(delivery.id, token))

    try:
        return Result(mail_deliveries.record_sent, mail.hand_over(delivery, mark), "250")
    except mail.ClaimLost:
        # Another worker has it, or our lease ran out and we can still put it back.
        answer = "the relay was too slow: the time for handing over ran out"
        return Result(mail_deliveries.record_not_handed_over, answer, has_answered=False)
    except mail.RefusedByRelay as error:
        return Result(mail_deliveries.record_refused, str(error))
    except mail.NotHandedOver as error:
        return Result(mail_deliveries.record_not_handed_over, str(error), has_answered=False)
    except mail.OutcomeUnknown as error:
        return Result(mail_deliveries.record_no_reply, str(error), has_answered=False)


def record_outcome(delivery_id: str, token: str, result: Result) -> str | None:
    """Record the outcome, notify of it, and tell the circuit breaker of the kind. Return the new
    state, or None if the claim is lost."""
    if not result.verb(delivery_id, token, result.answer, result.code):
        return None
    job_kind = jobs.kind_of(mail_deliveries.lane_of(delivery_id))
    if result.has_answered:
        circuit_breakers.record_answer(job_kind)
    elif result.has_answered is False:
        circuit_breakers.record_failure(job_kind, result.answer)
    recorded = mail_deliveries.get(delivery_id)
    customers.notify_of_delivery(recorded)
    return recorded.state
