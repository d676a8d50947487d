"""*Drift*: what differs at a connection, to be decided; clouds that only the connection has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import abort, request, url_for
from flask_babel import lazy_gettext
from wtforms import HiddenField, StringField

from portal import db, web
from portal.domain import drift, values
from portal.domain.connections import Connection
from portal.domain.drift import Drift
from portal.operator.blueprint import blueprint
from portal.web.cloud_forms import NameForm


class AssignForm(NameForm):
    """The account that is to pay for a cloud that only the connection has."""

    account_id = StringField(
        lazy_gettext("Account ID"), [web.REQUIRED, web.normalise_with(values.line)]
    )
    external_id = HiddenField()


class Decision(NamedTuple):
    """A decision of an operator about a difference: its name, its verb and its wording."""

    name: str
    verb: Callable[..., None]
    title: Any
    button: Any
    done: Any
    attribute: str


ADOPT = Decision(
    "adopt",
    drift.adopt,
    lazy_gettext("Adopt theirs?"),
    lazy_gettext("Adopt theirs"),
    lazy_gettext("The portal has taken over what the connection has."),
    "may_adopt",
)
RESTORE = Decision(
    "restore",
    drift.restore,
    lazy_gettext("Restore ours?"),
    lazy_gettext("Restore ours"),
    lazy_gettext("It is ordered at the connection."),
    "may_restore",
)
DONE = Decision(
    "done",
    drift.check_again,
    lazy_gettext("Done by hand?"),
    lazy_gettext("Done"),
    lazy_gettext("The comparison waits for a free worker."),
    "may_do_by_hand",
)


@blueprint.get("/connections/<id:connection_id>/drift")
def show_drift(connection_id: str) -> Any:
    """*Drift* of a connection, and the clouds that only the connection has."""
    connection = web.find_or_404(Connection, connection_id)
    after, found_after = (request.args.get(name, "")[:200] for name in ("after", "found_after"))
    rows = drift.drift_for(web.actor(), connection, after=after)
    shown, next_after = web.paginate(rows, drift.PAGE, cursor=lambda row: row.drift.id)
    found = drift.foreign_clouds(connection, after=found_after)
    foreign, next_found = web.paginate(found, drift.PAGE, cursor=lambda row: row.external_id)
    return web.page(
        "operator/drift.html",
        fragment="list",
        connection=connection,
        last=drift.reconciliation_of(connection),
        rows=shown,
        next_after=next_after,
        foreign=foreign,
        next_found=next_found,
        is_first=not (after or found_after),
        form=web.Form(),
    )


@blueprint.post("/connections/<id:connection_id>/reconcile")
def reconcile(connection_id: str) -> Any:
    """*Reconcile*: compare the connection with the portal now."""
    web.find_or_404(Connection, connection_id)
    form = web.Form()

    def unit() -> None:
        drift.queue_reconcile(web.find_or_404(Connection, connection_id), by=web.actor())

    success = lazy_gettext("The comparison waits for a free worker.")
    if answer := web.submit(form, unit, to=_page_of(connection_id), success=success):
        return answer
    return web.page("operator/drift_step.html", form=form, back=_page_of(connection_id), status=422)


@blueprint.route("/connections/<id:connection_id>/assign", methods=["GET", "POST"])
def assign_cloud(connection_id: str) -> Any:
    """*Assign* a cloud that only the connection has to an account."""
    connection = web.find_or_404(Connection, connection_id)
    web.require_recent_sign_in()
    external_id = request.values.get("external_id", "")[:200]
    found = drift.foreign_cloud(connection, external_id)
    form = AssignForm(name=found.name if found else "", external_id=external_id)

    def unit() -> None:
        fields = {"account_id": form.account_id.data or "", "name": form.name.data or ""}
        row = web.find_or_404(Connection, connection_id)
        drift.assign(row, external_id=external_id, by=web.actor(), **fields)

    back, success = _page_of(connection_id), lazy_gettext("The cloud is assigned.")
    if answer := web.submit(form, unit, to=back, success=success):
        return answer
    context: dict[str, Any] = {"external_id": external_id, "found": found, "back": back}
    return web.form_page(form, "operator/assign_cloud.html", **context)


@blueprint.route("/drift/<id:entry_id>/adopt", methods=["GET", "POST"])
def adopt_drift(entry_id: str) -> Any:
    """*Adopt theirs*: the portal takes over what the connection has."""
    return _decide(ADOPT, entry_id)


@blueprint.route("/drift/<id:entry_id>/restore", methods=["GET", "POST"])
def restore_drift(entry_id: str) -> Any:
    """*Restore ours*: order at the connection what the portal has."""
    return _decide(RESTORE, entry_id)


@blueprint.route("/drift/<id:entry_id>/done", methods=["GET", "POST"])
def check_drift(entry_id: str) -> Any:
    """*Done*: it was decided by hand; compare again."""
    return _decide(DONE, entry_id)


def _decide(decision: Decision, drift_id: str) -> Any:
    row = drift.find_drift(web.actor(), drift_id)
    if row is None or not getattr(row, decision.attribute):
        abort(404)
    web.require_recent_sign_in()
    form, back = web.Form(), _page_of(row.drift.connection_id)

    def unit() -> None:
        decision.verb(db.session.get_one(Drift, drift_id), by=web.actor())

    if answer := web.submit(form, unit, to=back, success=decision.done):
        return answer
    return web.form_page(form, "operator/drift_step.html", row=row, decision=decision, back=back)


def _page_of(connection_id: str) -> str:
    return url_for(".show_drift", connection_id=connection_id)
