"""Carry out an order at its connection; record what became of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from portal import db
from portal.domain import circuit_breakers, connections, jobs
from portal.domain.jobs import Job, OrderKind, Outcome, State
from portal.providers.contract import Later, NeedsPerson, Never, Running
from portal.worker import (
    access_orders,
    claim_orders,
    cloud_orders,
    providers,
    reconciling,
    usage_fetching,
)
from portal.worker.steps import Step

STEPS: dict[str, Step] = {
    OrderKind.TEST: Step(providers.run_test, providers.record_test),
    **cloud_orders.STEPS,
    **access_orders.STEPS,
    **claim_orders.STEPS,
    **reconciling.STEPS,
    **usage_fetching.STEPS,
}
"""By `jobs.OrderKind`."""
INTERNAL_FAULT = "internal-fault"
STILL_RUNNING = "order-still-running"
MAX_RUNNING = timedelta(hours=24)
"""How long a cloud may carry out an order, but for one that takes access away."""
DATABASE_WAIT = timedelta(seconds=1)
"""How long an order waits for a database that is busy or away."""


def carry_out(job: Job) -> Callable[[], dict[str, Any] | None]:
    """Carry the order out; return the unit of work that records the outcome."""
    step = STEPS[job.subject_kind]
    if jobs.has_lost_its_workers(job):
        return lambda: _give_up(job, step, Outcome(State.FAILED, jobs.WORKER_DIED))
    if (failed := jobs.outcome_of_unreadable(job)) is not None:
        return lambda: _give_up(job, step, failed)
    try:
        result = step.call(job)
    except (db.Unavailable, providers.BegunTooLate):  # no fault of the order; nothing was asked
        return lambda: _end(job, Outcome(State.WAITING, run_at=db.now() + DATABASE_WAIT))
    except (Later, NeedsPerson, Never) as error:
        failure = error  # Python deletes `error`
        return lambda: _end_failed(job, step, failure)
    return lambda: _end_with(job, step, result)


def record_fault(job: Job, error: Exception) -> Callable[[], dict[str, Any] | None]:
    """Return the unit of work that records a fault of ours."""
    answer, step = f"internal fault: {type(error).__name__}", STEPS.get(job.subject_kind)

    def unit() -> dict[str, Any] | None:
        outcome = jobs.outcome_of_fault(job, answer)
        if step is not None and outcome.state is State.FAILED:
            step.fail(job, INTERNAL_FAULT, {})
        return _end(job, outcome)

    return unit


def _end_with(job: Job, step: Step, result: Any) -> dict[str, Any] | None:
    if isinstance(result, Running):
        since = job.facts.get("since") or db.now().isoformat()
        if not job.is_endless and datetime.fromisoformat(since) <= db.now() - MAX_RUNNING:
            return _end_failed(job, step, NeedsPerson(STILL_RUNNING))
        facts = {"operation": result.operation, "since": since}
        outcome = Outcome(State.WAITING, run_at=_next_question(job, result), facts=facts)
        return _end(job, outcome, is_down=False)
    if result is None:
        return _end(job, Outcome(State.DONE))
    try:
        step.record(job, result)
    except NeedsPerson as error:
        return _end_failed(job, step, error)
    return _end(job, Outcome(State.DONE), is_down=getattr(result, "is_down", False))


def _end_failed(job: Job, step: Step, error: Later | NeedsPerson | Never) -> dict[str, Any] | None:
    """A refusal is recorded at once, even if the order is tried again; no answer in the end."""
    outcome = _outcome_of(job, error)
    if not isinstance(error, Later) or outcome.state is State.FAILED:
        step.fail(job, str(error), getattr(error, "facts", {}))
    return _end(job, outcome, is_down=providers.is_down(error))


def _give_up(job: Job, step: Step, outcome: Outcome) -> dict[str, Any] | None:
    step.fail(job, INTERNAL_FAULT, {})
    return _end(job, outcome)


def _next_question(job: Job, result: Running) -> datetime:
    """When to ask for the operation: now, if its callback was faster than this try."""
    db.lock(Job, job.id)  # a callback that comes now waits, and wakes the order
    if connections.is_called_back(job.id, since=job.started_at or db.now()):
        return db.now()
    return db.now() + result.retry_after


def _end(job: Job, outcome: Outcome, *, is_down: bool | None = None) -> dict[str, Any] | None:
    """End the try, and tell the breaker of the connection; `is_down` is None if it was not asked.
    Return the facts for the log, or None if the claim is lost."""
    is_ours = jobs.finish(job.key, job.token, outcome)
    if is_down:
        circuit_breakers.record_failure(job.key, outcome.answer)
    elif is_down is False:
        circuit_breakers.record_answer(job.key)
    facts = {"subject": job.subject_id, "order": job.subject_kind, "state": outcome.state}
    return {**facts, "attempts": job.attempts} if is_ours else None


def _outcome_of(job: Job, error: Later | NeedsPerson | Never) -> Outcome:
    """What becomes of the order. One that takes access away is tried again in any case. An
    operation that was refused is over: the next try begins another."""
    answer = str(error)
    if isinstance(error, Later):
        outcome = jobs.outcome_of_fault(job, answer)
        if outcome.state is State.WAITING and error.retry_after is not None:
            return outcome._replace(run_at=db.now() + error.retry_after)
        return outcome
    facts = {"fault": error.facts} if isinstance(error, NeedsPerson) else {}
    if job.is_endless:
        return jobs.outcome_of_fault(job, answer)._replace(facts=facts)
    state = State.PARKED if isinstance(error, NeedsPerson) else State.FAILED
    return Outcome(state, answer, facts=facts)
