"""*Close cloud* and *Restore*: a cloud ends after seven days in which its owner can keep it."""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import StringField

from portal import db, web
from portal.console.clouds import blueprint
from portal.domain import access, clouds
from portal.domain.actions import Action
from portal.domain.clouds import Cloud


class CloseForm(web.Form):
    """The name of the cloud, typed."""

    name = StringField(lazy_gettext("Name of the cloud"), [web.REQUIRED])


@blueprint.route("/<id:cloud_id>/close", methods=["GET", "POST"])
def close(cloud_id: str) -> Any:
    """*Close cloud*: have a cloud closed in seven days."""
    actor, cloud = web.actor(), web.find_or_404(Cloud, cloud_id)
    access.require(actor, Action.CLOUD_CLOSE, cloud)
    web.require_recent_sign_in()
    form = CloseForm()

    def unit() -> None:
        cloud = db.session.get_one(Cloud, cloud_id)
        clouds.close(cloud, name=form.name.data or "", by=actor)

    back = url_for(".show", cloud_id=cloud_id)
    answer = web.submit(form, unit, to=back, success=_("The cloud will be closed."))
    return answer or _page(form, cloud)


@blueprint.post("/<id:cloud_id>/restore")
def restore(cloud_id: str) -> Any:
    """*Restore*: keep a cloud that was to be closed."""
    actor, cloud = web.actor(), web.find_or_404(Cloud, cloud_id)
    access.require(actor, Action.CLOUD_CLOSE, cloud)
    form = web.Form()

    def unit() -> None:
        clouds.restore(db.session.get_one(Cloud, cloud_id), by=actor)

    back = url_for(".show", cloud_id=cloud_id)
    answer = web.submit(form, unit, to=back, success=_("The cloud is restored."))
    return answer or _page(form, cloud)


def _page(form: web.Form, cloud: Cloud) -> Any:
    refusal = clouds.close_refusal(cloud, web.actor())
    return web.form_page(
        form, "console/clouds/close.html", cloud=cloud, refusal=refusal, grace=clouds.GRACE
    )
