"""Carry out an order at its connection; record what became of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from portal import db
from portal.domain import circuit_breakers, connections, jobs
from portal.domain.jobs import Job, OrderKind, Outcome, State
from portal.providers.contract import Later, NeedsPerson, Never, Running
from portal.worker import providers


class Step(NamedTuple):
    """How a kind of order is carried out. `call` reads what is agreed and talks to the cloud,
    outside of any transaction; it raises Later, NeedsPerson or Never, or returns Running or its
    result. `record` keeps that result, in the unit of work that ends the order."""

    call: Callable[[Job], Any]
    record: Callable[[Job, Any], None]


STEPS: dict[str, Step] = {
    OrderKind.TEST: Step(providers.run_test, providers.record_test),
}
"""By `jobs.OrderKind`."""


def carry_out(job: Job) -> Callable[[], dict[str, Any] | None]:
    """Carry the order out; return the unit of work that records the outcome."""
    step = STEPS[job.subject_kind]
    try:
        result = step.call(job)
    except (Later, NeedsPerson, Never) as error:
        failure = error  # Python deletes `error`
        return lambda: _end(job, _outcome_of(job, failure), is_down=_is_down(failure))
    return lambda: _end_with(job, step, result)


def record_fault(job: Job, error: Exception) -> Callable[[], dict[str, Any] | None]:
    """Return the unit of work that records a fault of ours."""
    answer = f"internal fault: {type(error).__name__}"
    return lambda: _end(job, jobs.outcome_of_fault(job, answer))


def _end_with(job: Job, step: Step, result: Any) -> dict[str, Any] | None:
    if isinstance(result, Running):
        facts = {"operation": result.operation}
        outcome = Outcome(State.WAITING, run_at=_next_question(job, result), facts=facts)
    else:
        step.record(job, result)
        outcome = Outcome(State.DONE)
    return _end(job, outcome, is_down=getattr(result, "is_down", False))


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


def _is_down(error: Exception) -> bool:
    """A cloud that says when to ask again, or refuses, has answered."""
    return isinstance(error, Later) and error.retry_after is None


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
