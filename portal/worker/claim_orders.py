"""Orders of claims: ask the connection whether a person owns the cloud that they registered."""

from __future__ import annotations

from collections.abc import Mapping

from portal import db
from portal.domain import claims
from portal.domain.jobs import Job, OrderKind
from portal.providers.contract import Role
from portal.worker import providers
from portal.worker.steps import Step


def check(job: Job) -> bool | None:
    """Whether the author owns the cloud; None if there is nothing to ask."""
    question = db.read(lambda: claims.question_of(job.subject_id))
    if question is None:
        return None
    provider = providers.provider_for(job, question.connection)
    return provider.role_of(question.external_id, question.identity) is Role.OWNER


def record(job: Job, is_owner: bool) -> None:  # noqa: FBT001 - a step's result
    """Keep the answer; the claim of an owner is verified."""
    claims.record_check(job.subject_id, is_owner=is_owner)


def fail(job: Job, _fault: str, _facts: Mapping[str, str]) -> None:
    """Keep when it was tried; operators read why on *Work*."""
    claims.record_fault(job.subject_id)


STEPS: dict[str, Step] = {OrderKind.CHECK_CLAIM: Step(check, record, fail)}
"""By `jobs.OrderKind`."""
