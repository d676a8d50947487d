"""*People* of a connection: as whom each signs in there; *Map*, *Unmap*."""

from __future__ import annotations

from typing import Any

from flask import request, url_for
from flask_babel import lazy_gettext
from wtforms import EmailField, StringField

from portal import web
from portal.domain import identity, memberships, values
from portal.domain.actors import Actor
from portal.domain.connections import Connection
from portal.domain.errors import Code, Refused
from portal.domain.identity import User
from portal.operator import steps
from portal.operator.blueprint import blueprint
from portal.operator.steps import Step

LINE = (web.REQUIRED, web.normalise_with(values.line))


class MapForm(web.Form):
    """A person, and their identity at the connection."""

    email = EmailField(lazy_gettext("E-mail"), [web.REQUIRED, web.EMAIL])
    provider = StringField(
        lazy_gettext("Identity provider"),
        LINE,
        description=lazy_gettext("Its ID at the connection."),
    )
    subject = StringField(
        lazy_gettext("Subject"),
        LINE,
        description=lazy_gettext("The ID that the identity provider gives this person."),
    )


@blueprint.get("/connections/<id:connection_id>/people")
def show_mappings(connection_id: str) -> Any:
    """*People* of a connection: list who is mapped to an identity there."""
    connection = web.find_or_404(Connection, connection_id)
    after = request.args.get("after", "")[:20]
    rows = memberships.mappings_for(web.actor(), connection, after=after)
    shown, next_after = web.paginate(rows, memberships.PAGE, cursor=lambda row: row.person.id)
    return web.page(
        "operator/mappings.html",
        fragment="list",
        connection=connection,
        rows=shown,
        after=after,
        next_after=next_after,
    )


@blueprint.route("/connections/<id:connection_id>/people/map", methods=["GET", "POST"])
def map_person(connection_id: str) -> Any:
    """*Map* a person to an identity."""
    connection = web.find_or_404(Connection, connection_id)
    web.require_recent_sign_in()
    form, back = MapForm(), _page_of(connection_id)

    def unit() -> None:
        person = identity.user_by_email(values.email(form.email.data or "").key)
        if person is None:
            raise Refused(Code.PERSON_UNKNOWN, field="email")
        names = {"provider": form.provider.data or "", "subject": form.subject.data or ""}
        row = web.find_or_404(Connection, connection_id)
        memberships.map_person(person, row, **names, by=web.actor())

    success = lazy_gettext("The person is mapped. Their roles by hand are ordered.")
    if answer := web.submit(form, unit, to=back, success=success):
        return answer
    return web.form_page(form, "operator/map_person.html", connection=connection, back=back)


def _unmap(person: User, *, connection: Connection, by: Actor) -> None:
    memberships.map_person(person, connection, provider="", subject="", by=by)


UNMAP = Step(
    _unmap,
    lazy_gettext("Unmap this person?"),
    lazy_gettext("Unmap"),
    lazy_gettext("Their access with this identity is revoked. Their roles here stay."),
    lazy_gettext("The person is not mapped any more; their access there is being revoked."),
    is_danger=True,
)


@blueprint.route(
    "/connections/<id:connection_id>/people/<id:person_id>/unmap", methods=["GET", "POST"]
)
def unmap_person(connection_id: str, person_id: str) -> Any:
    """*Unmap* a person: they have no identity there any more."""

    def connection() -> Connection:
        return web.find_or_404(Connection, connection_id)

    connection()
    return steps.take(
        UNMAP,
        lambda: web.find_or_404(User, person_id),
        tab="connections",
        back=_page_of(connection_id),
        facts=lambda: {"connection": connection()},
    )


def _page_of(connection_id: str) -> str:
    return url_for(".show_mappings", connection_id=connection_id)
