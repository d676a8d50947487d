"""The operator's *Home*: what needs a person, and how the installation is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from flask import url_for
from flask_babel import gettext as _

from portal import config, db, web
from portal.domain import circuit_breakers, claims, clouds, connections, drift, jobs, usage, work
from portal.domain.actors import Actor
from portal.domain.connections import Connection
from portal.domain.jobs import State
from portal.domain.work import KindSummary
from portal.operator.blueprint import blueprint
from portal.wording import jobs as job_wording
from portal.wording import readiness

SOURCES = 5


class Need(NamedTuple):
    """What needs a person: how much of it, the page where they decide, and since when the oldest
    does (None: not known)."""

    title: str
    number: int
    url: str
    since: datetime | None = None


@blueprint.get("")
def home() -> Any:
    """*Home*: list what needs a person, beside the state of the installation."""
    actor = web.actor()
    summaries, places = work.summaries_for(actor), connections.connections_for(actor)
    needs = (*_of_work(summaries), *_of_connections(actor, places), *_of_usage(actor))
    return web.page(
        "operator/home.html",
        fragment="needs",
        needs=[need for need in needs if need.number],
        totals=work.totals(),
        summaries=summaries,
        connections=places,
        breakers={breaker.key: breaker for breaker in circuit_breakers.open_breakers()},
        lane=jobs.cloud_lane,
        deliveries=usage.latest_for(actor, limit=SOURCES),
        mails=work.mails_since(db.now() - timedelta(days=1)),
        doctor=work.latest_upkeep(actor, "doctor"),
        version=config.version(),
    )


def _of_work(summaries: list[KindSummary]) -> Iterator[Need]:
    for row in summaries:
        for state in (State.FAILED, State.PARKED):
            title = f"{readiness.kind(row.kind)}: {job_wording.LISTED[state]}"
            url = url_for(".show_jobs", kind=row.kind, state=state)
            yield Need(title, row.counts[state], url, row.ended.get(state))


def _of_connections(actor: Actor, places: list[Connection]) -> Iterator[Need]:
    by_hand = [row for row in clouds.numbers_by_connection().values() if row.by_hand]
    number = sum(row.by_hand for row in by_hand)
    since = min((row.since for row in by_hand if row.since), default=None)
    yield Need(_("To carry out"), number, url_for(".show_to_carry_out"), since)
    number, since = claims.count_open(actor)
    yield Need(_("Registered clouds"), number, url_for(".show_claims"), since)
    drifts = drift.numbers_by_connection()
    for row in places:
        url = url_for(".show_drift", connection_id=row.id)
        number, since = drifts.get(row.id, (0, None))
        yield Need(_("Drift of %(name)s", name=row.name), number, url, since)


def _of_usage(actor: Actor) -> Iterator[Need]:
    url = url_for(".show_usage")
    number, since = usage.count_staged(actor)
    yield Need(_("Deliveries to publish or discard"), number, url, since)
    yield Need(_("Unassigned usage"), usage.count_unassigned(actor), url)
