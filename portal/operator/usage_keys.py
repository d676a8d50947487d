"""Keys of usage: *Assign* one to a cloud, *Unassign* it."""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_babel import lazy_gettext
from wtforms import StringField

from portal import web
from portal.domain import usage
from portal.domain.usage import UsageKey
from portal.operator.blueprint import blueprint
from portal.operator.usage import Step, step_page


class AssignForm(web.Form):
    """Which cloud a key is."""

    cloud = StringField(
        lazy_gettext("Cloud"),
        [web.REQUIRED],
        description=lazy_gettext("Its ID, or its name if no other cloud has it."),
    )


@blueprint.route("/usage/keys/<id:key_id>/assign", methods=["GET", "POST"])
def assign_key(key_id: str) -> Any:
    """*Assign* a key to a cloud."""
    key = web.find_or_404(UsageKey, key_id)
    web.require_recent_sign_in()
    form, back = AssignForm(), url_for(".show_usage")

    def unit() -> None:
        cloud = usage.find_cloud((form.cloud.data or "").strip())
        row = web.find_or_404(UsageKey, key_id)
        usage.assign(row, cloud_id=cloud.id if cloud else "", by=web.actor())

    done = lazy_gettext("A worker assigns all its rows, past and to come.")
    if answer := web.submit(form, unit, to=back, success=done):
        return answer
    return web.form_page(form, "operator/usage_assign.html", key=key, back=back)


UNASSIGN = Step(
    lazy_gettext("Unassign?"),
    lazy_gettext("Unassign"),
    lazy_gettext(
        "Nobody is charged for its rows any more, past and to come. What they were charged is "
        "posted back."
    ),
    lazy_gettext("A worker takes back its charges, past and to come."),
    is_danger=True,
)


@blueprint.route("/usage/keys/<id:key_id>/unassign", methods=["GET", "POST"])
def unassign_key(key_id: str) -> Any:
    """*Unassign* a key from its cloud."""
    key = web.find_or_404(UsageKey, key_id)
    web.require_recent_sign_in()
    form, back = web.Form(), url_for(".show_usage")

    def unit() -> None:
        usage.unassign(web.find_or_404(UsageKey, key_id), by=web.actor())

    if answer := web.submit(form, unit, to=back, success=UNASSIGN.done):
        return answer
    return step_page(UNASSIGN, key.key, form, back)
