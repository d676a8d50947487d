"""*Work*: what waits, runs, failed or is parked; *Run again* and *Cancel* a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from flask import abort, request, url_for
from flask_babel import lazy_gettext

from portal import web
from portal.domain import audit, circuit_breakers, heartbeats, jobs, work
from portal.domain.jobs import Job, OrderKind, State
from portal.domain.work import LISTED_STATES, JobRow, KindSummary
from portal.operator.blueprint import blueprint

DEFAULT_STATES = (State.FAILED, State.PARKED, State.RUNNING, State.WAITING)
"""A list without a state in its address shows the first of these that has jobs."""


@blueprint.get("/work")
def show_work() -> Any:
    """*Work*: show the kinds of jobs, what does not answer, and the processes that are alive."""
    actor = web.actor()
    return web.page(
        "operator/work.html",
        fragment="work",
        summaries=work.summaries_for(actor),
        orders=sum(jobs.numbers_for_person().values()),
        breakers=circuit_breakers.open_breakers(),
        processes=heartbeats.alive(),
        doctor=work.latest_upkeep(actor, "doctor"),
        audit_log=audit.summary(),
    )


@blueprint.get("/work/<kind>")
def show_jobs(kind: str) -> Any:
    """Show the jobs of a kind in a state, the oldest first."""
    actor, after = web.actor(), request.args.get("after", "")[:40]
    summary = next((it for it in work.summaries_for(actor) if it.kind == kind), None)
    if summary is None:
        abort(404)
    state = _parse_state(summary)
    rows = work.jobs_for(actor, kind, state, after=after)
    shown, next_after = web.paginate(rows, work.PAGE, cursor=lambda row: row.cursor)
    return web.page(
        "operator/jobs.html",
        fragment="list",
        summary=summary,
        state=state,
        after=after,
        rows=shown,
        next_after=next_after,
    )


def _parse_state(summary: KindSummary) -> State:
    """Return the state in the address; without one, the first of the defaults that has jobs."""
    requested = request.args.get("state", "")
    if requested in set(LISTED_STATES):
        return State(requested)
    return next((state for state in DEFAULT_STATES if summary.counts[state]), State.WAITING)


class Step(NamedTuple):
    """A step of an operator with a job: its verb and its wording."""

    verb: Callable[..., None]
    title: Any
    button: Any
    consequences: dict[str, Any]
    """By the kind of the job's subject; that of "" for the others."""
    done: Any
    is_danger: bool = False
    consequences_restored: Mapping[str, Any] = MappingProxyType({})
    """Those of a job that a restore parked, where they differ."""

    def consequence(self, row: JobRow) -> Any:
        """Return what the step with this job leads to."""
        kind = "invitation" if row.customer else row.job.subject_kind
        words = {**self.consequences, **(self.consequences_restored if row.is_restored else {})}
        return words.get(kind, words[""])


RUN_AGAIN = Step(
    work.run_again,
    lazy_gettext("Run this job again?"),
    lazy_gettext("Run again"),
    {
        "mail": lazy_gettext(
            "The mail is handed over as soon as a worker is free. If that fails, it is tried again "
            "for four hours."
        ),
        "": lazy_gettext("The job runs as soon as a worker is free."),
    },
    lazy_gettext("The job waits for a free worker."),
    consequences_restored={
        "mail": lazy_gettext(
            "The portal was restored from a backup. If this mail was sent after that backup, its "
            "recipient gets it twice."
        ),
        "import": lazy_gettext(
            "The portal was restored from a backup. Customers that this import added after that "
            "backup are missing now: it adds them again, and each of them gets a second "
            "invitation by email."
        ),
        **dict.fromkeys(
            OrderKind,
            lazy_gettext(
                "The portal was restored from a backup. What is agreed in the portal now is made "
                "so at the cloud."
            ),
        ),
        "upkeep": lazy_gettext(
            "The portal was restored from a backup. People may have taken back since that backup "
            "what this job does. Let them do so again first; then it runs by the clock."
        ),
        "": lazy_gettext(
            "The portal was restored from a backup. If this job ran after that backup, it runs "
            "twice."
        ),
    },
)
CANCEL = Step(
    work.cancel,
    lazy_gettext("Cancel this job?"),
    lazy_gettext("Cancel job"),
    {
        "mail": lazy_gettext("The mail is not sent."),
        "invitation": lazy_gettext(
            "The invitation is not mailed. The partner is notified, and can send it again."
        ),
        "import": lazy_gettext(
            "Customers who were added stay. The remaining rows are refused; the partner can "
            "download them."
        ),
        **dict.fromkeys(
            OrderKind,
            lazy_gettext(
                "The cloud stays as it is, and people read that an operator cancelled this, until "
                "something is changed in the portal again."
            ),
        ),
        "": lazy_gettext("The job does not run again."),
    },
    lazy_gettext("The job is cancelled."),
    is_danger=True,
)


@blueprint.route("/work/jobs/<id:job_id>/run-again", methods=["GET", "POST"])
def run_again(job_id: str) -> Any:
    """*Run again* a job that failed or is parked; run one that waits at once."""
    return _take(RUN_AGAIN, job_id)


@blueprint.route("/work/jobs/<id:job_id>/cancel", methods=["GET", "POST"])
def cancel(job_id: str) -> Any:
    """*Cancel* a job that waits, failed or is parked."""
    return _take(CANCEL, job_id)


def _take(step: Step, job_id: str) -> Any:
    """Ask for confirmation on GET, take the step on POST."""
    row = find(job_id)
    web.require_recent_sign_in()
    form, back = web.Form(), url_for(".show_jobs", kind=row.job.kind, state=row.job.state)

    def unit() -> None:
        step.verb(web.find_or_404(Job, job_id), by=web.actor())

    if answer := web.submit(form, unit, to=back, success=step.done):
        return answer
    row = find(job_id)
    return web.form_page(
        form, "operator/step.html", row=row, step=step, consequence=step.consequence(row), back=back
    )


def find(job_id: str) -> JobRow:
    """Return the job with its subject. Aborts with 404."""
    row = work.job_row(web.actor(), job_id)
    if row is None:
        abort(404)
    return row
