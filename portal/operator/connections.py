"""*Connections*: where clouds live; *Add*, *Change*, *Test*, *Make default*, *Close*."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from flask import abort, request, url_for
from flask_babel import lazy_gettext
from wtforms import PasswordField, StringField, TextAreaField

from portal import web
from portal.domain import (
    circuit_breakers,
    clouds,
    connections,
    drift,
    jobs,
    memberships,
    metering,
)
from portal.domain.connections import KINDS, Connection, Field
from portal.operator import steps
from portal.operator.blueprint import blueprint
from portal.operator.steps import Step
from portal.web.cloud_forms import NameForm
from portal.wording import kinds as kind_wording


@blueprint.get("/connections")
def show_connections() -> Any:
    """*Connections*: list them, with what does not answer and what a test found."""
    return web.page(
        "operator/connections.html",
        fragment="list",
        rows=connections.connections_for(web.actor()),
        numbers=clouds.numbers_by_connection(),
        orders=jobs.numbers_for_person(),
        breakers={breaker.key: breaker for breaker in circuit_breakers.open_breakers()},
        lane=jobs.cloud_lane,
        kinds=list(KINDS),
    )


@blueprint.get("/connections/<id:connection_id>")
def show_connection(connection_id: str) -> Any:
    """A connection: its settings, what a test found, the steps that can be taken."""
    connection = web.find_or_404(Connection, connection_id)
    found: dict[str, Any] = {
        "numbers": clouds.numbers_by_connection().get(connection.id),
        "orders": jobs.numbers_for_person().get(jobs.cloud_lane(connection.id), 0),
        "drifts": drift.numbers_by_connection().get(connection.id, (0,))[0],
        "is_federated": memberships.is_federated(connection),
        "usage": metering.statuses_for(web.actor()).get(connection.id),
        "is_readable": connections.unseal(connection) is not None,
    }
    stamp = _stamp(connection, found)
    if web.is_partial() and request.args.get("seen") == stamp:
        return "", 204
    template = "operator/connection.html"
    found |= {"connection": connection, "stamp": stamp}
    return web.page(template, fragment="connection", **found)


def _stamp(connection: Connection, found: dict[str, Any]) -> str:
    """Return a digest of what the page polls for."""
    names = "tested_at", "closed_at", "is_default", "settings", "default_limits"
    state = [getattr(connection, name) for name in names]
    return hashlib.sha256(repr((state, found)).encode()).hexdigest()[:16]


@blueprint.route("/connections/add/<kind>", methods=["GET", "POST"])
def add_connection(kind: str) -> Any:
    """*Add* a connection of a kind."""
    if kind not in KINDS:
        abort(404)
    web.require_recent_sign_in()
    form = _form_of(kind, NameForm, {})

    def unit() -> str:
        name = form.name.data or ""
        return connections.add(kind, name=name, values=_values(kind, form), by=web.actor()).id

    if answer := web.submit(
        form, unit, to=_page_of, success=lazy_gettext("The connection is added.")
    ):
        return answer
    return web.form_page(form, "operator/connection_add.html", kind=kind)


@blueprint.route("/connections/<id:connection_id>/change", methods=["GET", "POST"])
def change_connection(connection_id: str) -> Any:
    """*Change* the settings of a connection; its credentials are entered again."""
    connection = web.find_or_404(Connection, connection_id)
    if connection.spec is None:
        abort(404)
    web.require_recent_sign_in()
    form = _form_of(connection.kind, web.Form, connection.settings)

    def unit() -> None:
        connection = web.find_or_404(Connection, connection_id)
        connections.change(connection, values=_values(connection.kind, form), by=web.actor())

    if answer := web.submit(
        form, unit, to=_page_of(connection_id), success=lazy_gettext("The connection is changed.")
    ):
        return answer
    return web.form_page(form, "operator/connection_change.html", connection=connection)


def _page_of(connection_id: str) -> str:
    return url_for(".show_connection", connection_id=connection_id)


def _form_of(kind: str, base: type[web.Form], settings: Mapping[str, str]) -> Any:
    """Return the form with the settings and credentials of the kind, filled with the settings."""
    fields = KINDS[kind].fields
    form = type("ConnectionForm", (base,), {field.name: _input_of(field) for field in fields})
    filled = form(data=settings)
    for field in fields:
        filled[field.name].flags.required = field.is_required
    return filled


def _input_of(field: Field) -> Any:
    checks, hint = [web.normalise_with(field.parse)], kind_wording.HINTS.get(field.name, "")
    options = {"description": hint, "default": field.default}
    kind = PasswordField if field.is_secret else TextAreaField if field.has_lines else StringField
    return kind(kind_wording.LABELS.get(field.name, field.name), checks, **options)


def _values(kind: str, form: Any) -> dict[str, str]:
    return {field.name: form[field.name].data or "" for field in KINDS[kind].fields}


TEST = Step(
    connections.queue_test,
    lazy_gettext("Test this connection?"),
    lazy_gettext("Test"),
    lazy_gettext(
        "The worker creates and removes a cloud whose name begins with portal-preflight, and says "
        "what it can and which rights are missing."
    ),
    lazy_gettext("The test waits for a free worker."),
)
MAKE_DEFAULT = Step(
    connections.make_default,
    lazy_gettext("Make this connection the default?"),
    lazy_gettext("Make default"),
    lazy_gettext("New clouds are created here. Clouds that exist stay where they are."),
    lazy_gettext("New clouds are created here from now on."),
)
CLOSE = Step(
    connections.close,
    lazy_gettext("Close this connection?"),
    lazy_gettext("Close"),
    lazy_gettext("No new cloud is created here. Clouds that it has go on."),
    lazy_gettext("The connection is closed for new clouds."),
    is_danger=True,
)


@blueprint.route("/connections/<id:connection_id>/test", methods=["GET", "POST"])
def test_connection(connection_id: str) -> Any:
    """*Test* a connection."""
    return _take(TEST, connection_id)


@blueprint.route("/connections/<id:connection_id>/make-default", methods=["GET", "POST"])
def make_default(connection_id: str) -> Any:
    """*Make default*: new clouds are created on this connection."""
    return _take(MAKE_DEFAULT, connection_id)


@blueprint.route("/connections/<id:connection_id>/close", methods=["GET", "POST"])
def close_connection(connection_id: str) -> Any:
    """*Close* a connection for new clouds."""
    return _take(CLOSE, connection_id)


def _take(step: Step, connection_id: str) -> Any:
    def find() -> Connection:
        return web.find_or_404(Connection, connection_id)

    return steps.take(step, find, tab="connections", back=_page_of(connection_id))
