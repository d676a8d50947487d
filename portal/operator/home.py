"""The operator's *Home*: what needs a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from flask import url_for
from flask_babel import gettext as _

from portal import web
from portal.domain import claims, clouds, connections, drift, usage, work
from portal.domain.actors import Actor
from portal.domain.jobs import State
from portal.operator.blueprint import blueprint
from portal.wording import jobs as job_wording
from portal.wording import readiness


class Need(NamedTuple):
    """What needs a person: how much of it, and the page where they decide."""

    title: str
    number: int
    url: str


@blueprint.get("")
def home() -> Any:
    """*Home*: list what needs a person."""
    return web.page("operator/home.html", fragment="needs", needs=list(_needs(web.actor())))


def _needs(actor: Actor) -> Iterator[Need]:
    needs = (*_of_work(actor), *_of_connections(actor), *_of_usage(actor))
    yield from (need for need in needs if need.number)


def _of_work(actor: Actor) -> Iterator[Need]:
    for row in work.summaries_for(actor):
        for state in (State.FAILED, State.PARKED):
            title = f"{readiness.kind(row.kind)}: {job_wording.LISTED[state]}"
            url = url_for(".show_jobs", kind=row.kind, state=state)
            yield Need(title, row.counts[state], url)


def _of_connections(actor: Actor) -> Iterator[Need]:
    number = sum(row.by_hand for row in clouds.numbers_by_connection().values())
    yield Need(_("To carry out"), number, url_for(".show_to_carry_out"))
    yield Need(_("Registered clouds"), claims.count_open(actor), url_for(".show_claims"))
    drifts = drift.numbers_by_connection()
    for row in connections.connections_for(actor):
        url = url_for(".show_drift", connection_id=row.id)
        yield Need(_("Drift of %(name)s", name=row.name), drifts.get(row.id, 0), url)


def _of_usage(actor: Actor) -> Iterator[Need]:
    url = url_for(".show_usage")
    yield Need(_("Deliveries to publish or discard"), usage.count_staged(actor), url)
    yield Need(_("Unassigned usage"), usage.count_unassigned(actor), url)
