"""Work in tests: an operator, and jobs in each state, each step in its own unit of work."""

from __future__ import annotations

from portal import db
from portal.domain import identity, imports, jobs, mail_deliveries
from portal.domain.actors import COMMAND, Actor
from portal.domain.imports import Import
from portal.domain.jobs import Job, Outcome, State
from tests.support.jobs import job_of
from tests.support.mail_deliveries import claim_entry, queue, record_outcome
from tests.support.world import DORA, OLGA, actor, signed_in, user


def appoint_operator() -> Actor:
    """Make Dora an operator; she has just signed in."""
    db.write(lambda: identity.make_operator(user(DORA), by=COMMAND))
    return signed_in(DORA)


def refused_mail(*, once: bool = False, about: str = "dn2first") -> Job:
    """The job of a mail that the relay refused."""
    entry_id = queue(about, once=once)
    record_outcome(mail_deliveries.record_refused, claim_entry(), "550 no such user")
    return job_of(mail_deliveries.lane_of(entry_id))


def begun_import(import_id: str) -> Job:
    """The waiting job of the import, which Olga has begun."""
    db.write(lambda: imports.begin(db.session.get_one(Import, import_id), by=actor(OLGA)))
    return job_of(f"import:{import_id}")


def bring_to(job: Job, state: State) -> Job:
    """The job in this state, after a worker has claimed it."""

    def unit() -> None:
        claimed = jobs.claim_next(job.kind)
        assert claimed is not None
        assert claimed.id == job.id
        if state is not State.RUNNING:
            jobs.finish(job.key, claimed.token, Outcome(state, "as it ended"))

    db.write(unit)
    return job_of(job.key)
