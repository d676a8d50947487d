"""Orders about memberships: give, change and revoke roles; make and withdraw accesses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from portal import db
from portal.domain import memberships
from portal.domain.access import CloudRole
from portal.domain.errors import Code
from portal.domain.jobs import Job, OrderKind
from portal.domain.memberships import Agreed
from portal.providers import contract
from portal.providers.contract import Done, NeedsPerson, Provider, Running
from portal.worker import providers
from portal.worker.steps import Step, Unasked

ROLES = {
    CloudRole.VIEWER: contract.Role.VIEWER,
    CloudRole.EDITOR: contract.Role.EDITOR,
    CloudRole.ADMIN: contract.Role.ADMIN,
    CloudRole.OWNER: contract.Role.OWNER,
}


class Granted(NamedTuple):
    """The role that the person has at the connection."""

    role: CloudRole


def grant(job: Job) -> Granted | Unasked | Running | None:
    """Give the person the role that is agreed now; None if there is nothing to do. While an earlier
    membership of theirs is still to be revoked, it is ordered again after that."""
    it = db.read(lambda: memberships.agreed(job.subject_id))
    if it.role is None:
        return Unasked()
    if it.cloud.external_id is None or it.waits:
        return None
    external_id, role = it.cloud.external_id, it.role
    result = _carry_out(
        job, it, lambda cloud: cloud.grant(job.id, external_id, _member(it), ROLES[role])
    )
    return result if isinstance(result, Running) else Granted(role)


def record_granted(job: Job, result: Granted | Unasked) -> None:
    """Keep the role that was given. A membership that was made while its role was taken away was
    not seen by who took it."""
    if isinstance(result, Unasked):
        memberships.settle(job.subject_id)
    else:
        memberships.record_granted(job.subject_id, result.role)


def revoke(job: Job) -> Done | Unasked | Running:
    """Take all access from the person. There is none on a cloud that never came into being."""
    it = db.read(lambda: memberships.agreed(job.subject_id))
    external_id = it.cloud.external_id
    if external_id is None or it.membership.revoked_at is not None:
        return Unasked()
    result: Done | Running = _carry_out(
        job,
        it,
        lambda cloud: cloud.revoke(job.id, external_id, _member(it), stop=it.membership.stops),
    )
    return result


def record_revoked(job: Job, result: Done | Unasked) -> None:
    """Keep when the access was revoked."""
    memberships.record_revoked(job.subject_id, result.ends_by)


def make_access(job: Job) -> contract.Access | Running | None:
    """Make an access, unless it or the role is no longer agreed."""
    it = db.read(lambda: memberships.agreed_access(job.subject_id))
    access, external_id = it.access, it.cloud.external_id
    if it.role is None or access is None or access.ending_at or access.made_at:
        return None
    if external_id is None or it.membership.role is None:
        return None  # ordered again when the role is carried out
    if it.secret is None:
        raise NeedsPerson(Code.ACCESS_UNREADABLE)
    ids = {"access_id": access.id, "secret": it.secret}
    result: contract.Access | Running = _carry_out(
        job,
        it,
        lambda cloud: cloud.access(job.id, external_id, _member(it), **ids, until=access.until),
    )
    return result


def record_made(job: Job, result: contract.Access) -> None:
    """Seal what the person will see."""
    memberships.record_made(
        job.subject_id, how=result.how, text=result.text, expires=result.expires
    )


def withdraw(job: Job) -> Done | Unasked | Running:
    """End one access, unless the person has lost all."""
    it = db.read(lambda: memberships.agreed_access(job.subject_id))
    external_id = it.cloud.external_id
    if external_id is None or it.membership.revoked_at is not None:
        return Unasked()
    access_id = job.subject_id
    result: Done | Running = _carry_out(
        job, it, lambda cloud: cloud.withdraw(job.id, external_id, _member(it), access_id=access_id)
    )
    return result


def record_withdrawn(job: Job, _result: Done | Unasked) -> None:
    """Keep that the access ended."""
    memberships.record_withdrawn(job.subject_id)


def fail(job: Job, fault: str, _facts: Mapping[str, str]) -> None:
    """Keep why the order can't be carried out."""
    memberships.record_fault(OrderKind(job.subject_kind), job.subject_id, fault)


def _carry_out(job: Job, it: Agreed, call: Callable[[Provider], Any]) -> Any:
    """Begin the order at the connection, or ask what has become of it."""
    cloud = providers.provider_for(job, it.connection)
    operation = job.facts.get("operation")
    return call(cloud) if operation is None else cloud.operation(job.id, operation)


def _member(it: Agreed) -> contract.Member:
    provider, subject = it.membership.identity_provider, it.membership.identity_subject
    federated = (provider, subject) if provider and subject else None
    return contract.Member(it.membership.id, it.person.name, it.person.email, federated)


STEPS: dict[str, Step] = {
    OrderKind.GRANT: Step(grant, record_granted, fail),
    OrderKind.REVOKE: Step(revoke, record_revoked, fail),
    OrderKind.ACCESS: Step(make_access, record_made, fail),
    OrderKind.WITHDRAW: Step(withdraw, record_withdrawn, fail),
}
"""By `jobs.OrderKind`."""
