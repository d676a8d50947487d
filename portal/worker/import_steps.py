"""Run the next steps of an import, then let another import have its turn."""

from __future__ import annotations

from datetime import timedelta

from portal import db
from portal.domain import imports
from portal.domain.jobs import Job, Outcome, State

STEPS = 20
LEASE = timedelta(minutes=1)
"""Of a job: its steps take seconds, and another worker goes on when this one has died."""


def run(job: Job) -> Outcome:
    """Run up to STEPS steps of the import that is the job's subject."""
    at, now = None, None
    for _ in range(STEPS):
        at, now = db.write(lambda: (imports.run_step(job.subject_id), db.now()))
        if at is None:
            return Outcome(State.DONE)
        if at > now:
            break
    return Outcome(State.WAITING, run_at=at)
