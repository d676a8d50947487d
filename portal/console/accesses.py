"""Accesses: a person gets what they sign in with to a cloud, sees it once, withdraws it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext
from wtforms import SelectField, StringField

from portal import db, web
from portal.domain import access, clouds, memberships, values
from portal.domain.actions import Action
from portal.domain.clouds import Cloud
from portal.domain.errors import Refused
from portal.domain.memberships import Access
from portal.web import form_recovery
from portal.wording import memberships as membership_wording

blueprint = Blueprint("accesses", __name__, url_prefix="/clouds/<id:cloud_id>/accesses")

DAYS = (1, 7, 30, memberships.MAX_DAYS)


def _name(value: str) -> str:
    return values.line(value, limit=clouds.MAX_NAME_LENGTH)


class GetForm(web.CreatingForm):
    """A name for the access, and how long it lasts."""

    name = StringField(lazy_gettext("Name"), [web.REQUIRED, web.normalise_with(_name)])
    days = SelectField(lazy_gettext("Ends after"), coerce=int, default=30)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.days.choices = [(days, ngettext("%(num)s day", "%(num)s days", days)) for days in DAYS]


@blueprint.route("/get", methods=["GET", "POST"])
def get(cloud_id: str) -> Any:
    """*Get access*: order what the user signs in with to the cloud."""
    actor, cloud = web.actor(), web.find_or_404(Cloud, cloud_id)
    access.require(actor, Action.CLOUD_GET_ACCESS, cloud)
    web.require_recent_sign_in()
    form = GetForm(**form_recovery.saved_input())

    def unit() -> str:
        cloud, name = db.session.get_one(Cloud, cloud_id), form.name.data or ""
        return memberships.get_access(cloud, by=actor, name=name, days=form.days.data).id

    back = url_for("console.clouds.show", cloud_id=cloud_id, _anchor="accesses")
    if answer := web.submit(form, unit, to=back, success=_("The access is being made.")):
        return answer
    refusal = memberships.refusal_to_get(cloud)
    return web.form_page(form, "console/accesses/get.html", cloud=cloud, refusal=refusal)


@blueprint.route("/<id:access_id>/show", methods=["GET", "POST"])
def show(cloud_id: str, access_id: str) -> Any:
    """*Show*: show the secret of an access once, and delete it here."""
    actor, cloud, row = web.actor(), web.find_or_404(Cloud, cloud_id), _find(access_id, cloud_id)
    web.require_recent_sign_in()
    form, shown = web.Form(), None

    def unit() -> memberships.Shown:
        return memberships.show(db.session.get_one(Access, access_id), by=actor)

    if form.validate_on_submit():
        try:
            shown = form.run(unit)
        except Refused as refusal:
            form.refuse(refusal)
    template = "console/accesses/secret.html" if shown else "console/accesses/show.html"
    status = 200 if shown else form.status
    context: dict[str, Any] = {"form": form, "cloud": cloud, "access": row, "shown": shown}
    return web.page(template, commands=_commands(cloud, shown), status=status, **context)


def _commands(cloud: Cloud, shown: memberships.Shown | None) -> str:
    connection = clouds.pending_tasks(cloud).connection
    return membership_wording.commands(shown, cloud, connection) if shown else ""


@blueprint.route("/<id:access_id>/withdraw", methods=["GET", "POST"])
def withdraw(cloud_id: str, access_id: str) -> Any:
    """*Withdraw*: end one access; the others stay."""
    actor, cloud, row = web.actor(), web.find_or_404(Cloud, cloud_id), _find(access_id, cloud_id)
    form = web.Form()

    def unit() -> None:
        memberships.withdraw(db.session.get_one(Access, access_id), by=actor)

    back = url_for("console.clouds.show", cloud_id=cloud_id, _anchor="accesses")
    success = _("%(name)s is being withdrawn.", name=row.name)
    if answer := web.submit(form, unit, to=back, success=success):
        return answer
    return web.form_page(form, "console/accesses/withdraw.html", cloud=cloud, access=row)


def _find(access_id: str, cloud_id: str) -> Access:
    row = web.find_or_404(Access, access_id)
    web.same_or_404(memberships.cloud_id_of(row), cloud_id)
    return row
