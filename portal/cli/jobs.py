"""`flask jobs`: what *Work* shows; run a job again, cancel it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from itertools import product
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from portal import db
from portal.cli import listing
from portal.cli.refusals import run_unit
from portal.domain import work
from portal.domain.actors import COMMAND
from portal.domain.jobs import Job, Kind, State
from portal.domain.work import LISTED_STATES, JobRow
from portal.wording import jobs as wording

commands = AppGroup("jobs", help="What waits, runs, failed or is parked.")


@commands.command("list")
@click.option("--kind", "kinds", multiple=True, type=click.Choice([str(kind) for kind in Kind]))
@click.option("--state", "states", multiple=True, type=click.Choice([*map(str, LISTED_STATES)]))
@listing.as_json
def show(kinds: tuple[str, ...], states: tuple[str, ...], *, as_json: bool) -> None:
    """The jobs of all kinds and states, or of these; the oldest of each first."""
    chosen = [State(state) for state in states] or LISTED_STATES
    with current_app.test_request_context():
        for kind, state in product(kinds or [str(kind) for kind in Kind], chosen):
            load = partial(_page, kind, state)
            for row in listing.every(load, work.PAGE, lambda row: row.cursor):
                if as_json:
                    listing.echo_json(_object_of(row))
                else:
                    click.echo(_text_of(row))


def _page(kind: str, state: State, after: str) -> list[JobRow]:
    return work.jobs_for(COMMAND, kind, state, after=after)


def _when(job: Job) -> datetime | None:
    """When the job is tried next, began or ended."""
    return {State.WAITING: job.run_at, State.RUNNING: job.started_at}.get(
        job.state, job.finished_at
    )


def _text_of(row: JobRow) -> str:
    job, answer, at = row.job, wording.answer(row), _when(row.job)
    when = f"{at:%Y-%m-%d %H:%M} UTC" if at else ""
    line = f"{job.id}  {job.kind:<8} {job.state:<7} {when}  {wording.subject(row)}"
    return f"{line}\n    {answer}" if answer else line


def _object_of(row: JobRow) -> dict[str, Any]:
    job, at = row.job, _when(row.job)
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "at": at.isoformat() if at else None,
        "subject": {"kind": job.subject_kind, "id": job.subject_id, "name": wording.subject(row)},
        "attempts": job.attempts,
        "answer": wording.answer(row),
        "may_run_again": row.run_again_refusal is None,
        "may_cancel": row.cancel_refusal is None,
    }


@commands.command("run-again")
@click.argument("job_id")
def run_again(job_id: str) -> None:
    """Run a job again that failed or is parked; run one that waits at once."""
    _take(work.run_again, job_id)
    click.echo("The job waits for a free worker.")


@commands.command("cancel")
@click.argument("job_id")
def cancel(job_id: str) -> None:
    """Cancel a job that waits, failed or is parked."""
    _take(work.cancel, job_id)
    click.echo("The job is cancelled.")


def _take(verb: Callable[..., None], job_id: str) -> None:
    def unit() -> None:
        job = db.find(Job, job_id, COMMAND)
        if job is None:
            raise click.ClickException(f"There is no job {job_id}; see `flask jobs list`.")
        verb(job, by=COMMAND)

    run_unit(unit)
