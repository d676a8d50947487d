"""Clouds of a connection, and their limits: *Change limits* of a cloud, and of new clouds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, request, url_for
from flask_babel import lazy_gettext
from wtforms import StringField

from portal import db, web
from portal.domain import clouds, connections
from portal.domain.clouds import Cloud, PendingTasks
from portal.domain.connections import LIMITS, Connection
from portal.operator.blueprint import blueprint


def _limit(text: str) -> str:
    return connections.check_limit(text) if text.strip() else ""


class LimitsForm(web.Form):
    """A field for each of LIMITS; empty: no limit."""

    cpu = StringField(lazy_gettext("CPUs"), [web.normalise_with(_limit)])
    memory = StringField(lazy_gettext("Memory, GiB"), [web.normalise_with(_limit)])
    disk = StringField(lazy_gettext("Disk, GiB"), [web.normalise_with(_limit)])
    instances = StringField(lazy_gettext("Instances"), [web.normalise_with(_limit)])

    @property
    def limits(self) -> dict[str, str]:
        """What was entered, by the names of LIMITS."""
        return {name: self[name].data or "" for name in LIMITS}


@blueprint.get("/connections/<id:connection_id>/clouds")
def show_clouds(connection_id: str) -> Any:
    """*Clouds* of a connection, with who pays and their limits; a search."""
    connection = web.find_or_404(Connection, connection_id)
    search, after = (request.args.get(name, "")[:100].strip() for name in ("q", "after"))
    rows = clouds.clouds_on(web.actor(), connection, search=search, after=after)
    shown, next_after = web.paginate(rows, clouds.PAGE, cursor=lambda row: row.cloud.id)
    return web.page(
        "operator/clouds.html",
        fragment="list",
        connection=connection,
        rows=shown,
        search=search,
        after=after,
        next_after=next_after,
    )


@blueprint.route("/connections/<id:connection_id>/limits", methods=["GET", "POST"])
def limit_new_clouds(connection_id: str) -> Any:
    """*Change limits* that new clouds of a connection have."""
    connection = web.find_or_404(Connection, connection_id)
    form = LimitsForm(data=connection.default_limits)

    def unit() -> None:
        row = web.find_or_404(Connection, connection_id)
        connections.limit_new_clouds(row, limits=form.limits, by=web.actor())

    back = url_for(".show_connection", connection_id=connection_id)
    title = lazy_gettext("Limits of new clouds")
    return _page(form, unit, back=back, title=title, place=connection.name)


@blueprint.route("/clouds/<id:entry_id>/limits", methods=["GET", "POST"])
def limit_cloud(entry_id: str) -> Any:
    """*Change limits* of a cloud."""
    row = _find(entry_id)
    form = LimitsForm(data=row.cloud.limits)

    def unit() -> None:
        cloud = db.session.get_one(Cloud, entry_id)
        clouds.limit(cloud, limits=form.limits, by=web.actor())

    back = url_for(".show_clouds", connection_id=row.connection.id)
    title = lazy_gettext("Change limits")
    return _page(form, unit, back=back, title=title, place=row.cloud.name)


def _find(cloud_id: str) -> PendingTasks:
    """Return the cloud. Aborts with 404 unless it is open."""
    row = clouds.cloud_on_connection(web.actor(), cloud_id)
    if row is None or row.cloud.closed_at is not None:
        abort(404)
    return row


def _page(form: LimitsForm, unit: Callable[[], None], *, back: str, **context: Any) -> Any:
    web.require_recent_sign_in()
    if answer := web.submit(form, unit, to=back, success=lazy_gettext("The limits are changed.")):
        return answer
    return web.form_page(form, "operator/limits.html", back=back, **context)
