"""*Run again* and *Cancel* a job, with the import or the mail that is its subject."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy.exc import IntegrityError, NoResultFound

from portal import db
from portal.domain import (
    access,
    audit,
    clouds,
    customers,
    identity,
    imports,
    jobs,
    mail_deliveries,
    memberships,
)
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.jobs import Job, Kind, OrderKind, State
from portal.domain.mail_deliveries import DeliveryState, MailDelivery

ORDER_CANCELLED = "order-cancelled"
MEMBERSHIP_ORDERS = (OrderKind.GRANT, OrderKind.REVOKE, OrderKind.ACCESS, OrderKind.WITHDRAW)


def run_again_refusal(job: Job, delivery: MailDelivery | None) -> Refused | None:
    """Why the job can't run again, or None; `delivery` is the mail that is its subject."""
    if job.state is State.RUNNING:
        return Refused(Code.JOB_RUNNING)
    if job.state in (State.DONE, State.CANCELLED):
        return Refused(Code.JOB_OVER)
    if delivery is None or delivery.state is DeliveryState.PENDING:
        return None
    if delivery.is_once:
        return Refused(Code.MAIL_ONCE)
    return None if delivery.recipient else Refused(Code.MAIL_EMPTIED)


def cancel_refusal(job: Job, delivery: MailDelivery | None) -> Refused | None:
    """Why the job can't be cancelled, or None; `delivery` is the mail that is its subject."""
    if job.kind == Kind.UPKEEP:
        return Refused(Code.JOB_UPKEEP)
    if job.takes_access_away:
        return Refused(Code.ORDER_TAKES_ACCESS)
    if job.state is State.RUNNING:
        return Refused(Code.JOB_RUNNING)
    if job.state in (State.DONE, State.CANCELLED):
        return Refused(Code.JOB_OVER)
    is_past = delivery is not None and delivery.state is not DeliveryState.PENDING
    return Refused(Code.MAIL_ONCE) if is_past and delivery and delivery.is_once else None


def run_again(job: Job, *, by: Actor) -> None:
    """An operator runs a job that failed or is parked again, and one that waits at once. What an
    order is about is shown as under way again. A mail that is sent at most once never runs again
    after its end.

    Raises ReauthenticationRequired, Forbidden, Refused as `run_again_refusal`, LookupError.
    """
    identity.require_recent(by)
    access.require_operator(by, Action.JOB_RUN_AGAIN)
    _set_order_fault(job, None)
    job, delivery = _lock(job)
    if refusal := run_again_refusal(job, delivery):
        raise refusal
    if delivery is not None and delivery.state is not DeliveryState.PENDING:
        mail_deliveries.requeue(delivery)
    try:
        with db.savepoint():
            jobs.requeue(job)
    except IntegrityError as error:  # upkeep or an order that another job does meanwhile
        raise Refused(Code.JOB_OVER) from error
    _record(Action.JOB_RUN_AGAIN, job, by=by)


def cancel(job: Job, *, by: Actor) -> None:
    """An operator cancels a job that waits, failed or is parked, but neither upkeep nor an order
    that takes access away. What an order is about is shown as cancelled; the import of a job is
    closed. A mail that is sent at most once is cancelled only before its end; its partner is
    notified that it failed.

    Raises ReauthenticationRequired, Forbidden, Refused as `cancel_refusal`, LookupError.
    """
    identity.require_recent(by)
    access.require_operator(by, Action.JOB_CANCEL)
    if job.subject_kind == "import":
        imports.cancel(job.subject_id, by=by)  # first: imports are locked before jobs
    if job.state is not State.FAILED:  # a newer order may have taken its place
        _set_order_fault(job, ORDER_CANCELLED)
    job, delivery = _lock(job)
    if refusal := cancel_refusal(job, delivery):
        raise refusal
    if delivery is not None:
        mail_deliveries.cancel_by_operator(delivery)
        customers.notify_of_delivery(delivery)
    else:
        jobs.end_cancelled(job)
    _record(Action.JOB_CANCEL, job, by=by)


def _set_order_fault(job: Job, fault: str | None) -> None:
    """Have people read why the order that is this job is not carried out; None: it is tried again.
    What it is about, which may be purged, is locked before jobs."""
    kind, subject_id = job.subject_kind, job.subject_id
    with suppress(LookupError, NoResultFound):
        if kind in MEMBERSHIP_ORDERS:
            memberships.record_fault(OrderKind(kind), subject_id, fault)
        elif kind in clouds.TASKS and fault is not None:
            clouds.record_order_fault(subject_id, fault, {})
        elif kind in clouds.TASKS:
            clouds.end_order_fault(subject_id)


def _lock(job: Job) -> tuple[Job, MailDelivery | None]:
    """Lock the job, then the mail that is its subject."""
    job = db.lock(Job, job.id)
    is_mail = job.subject_kind == "mail"
    return job, db.lock(MailDelivery, job.subject_id) if is_mail else None


def _record(action: Action, job: Job, *, by: Actor) -> None:
    facts = {"kind": job.kind, "subject": job.subject_id}
    audit.record(action, by=by, chain=audit.INSTALLATION, thing=job.id, **facts)
