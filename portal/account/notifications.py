"""Notifications: the list of notices, and which kinds a user receives in each channel."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import SelectMultipleField

from portal import db, urls, web
from portal.domain import notifications
from portal.domain.notifications import PREFERENCES, Kind, Notification
from portal.web import form_recovery
from portal.wording.notifications import CHANNELS, WORDING

blueprint = Blueprint("notifications", __name__, url_prefix="/notices")
web.gate(blueprint, web.require_sign_in)


@blueprint.get("")
def index() -> Any:
    """The newest notices."""
    after = request.args.get("after", "")[:20]
    rows = notifications.notifications_for(web.actor(), after=after)
    notices, next_after = web.paginate(rows, notifications.PAGE)
    return web.page(
        "account/notifications/index.html",
        fragment="list",
        notices=notices,
        next_after=next_after,
        after=after,
    )


@blueprint.post("/<id:notice_id>/read")
def read(notice_id: str) -> Any:
    """Mark a notice as read and open the page of the thing that it is about."""
    actor, target = web.actor(), web.find_or_404(Notification, notice_id).target
    if not web.Form().validate():
        return redirect(url_for(".index"), 303)
    db.write(lambda: notifications.mark_read(by=actor, notification_id=notice_id))
    return redirect(urls.path(target.kind, target.id, target.account_id), 303)


@blueprint.post("/read-all")
def read_all() -> Any:
    """*Mark all as read*."""
    actor = web.actor()
    if web.Form().validate():
        db.write(lambda: notifications.mark_read(by=actor))
    return redirect(url_for(".index"), 303)


CHECKBOXES = {f"{kind}:{channel}": (kind, channel) for kind, channel in PREFERENCES}
"""The (kind, channel) that each checkbox value stands for."""


class PreferencesForm(web.Form):
    """A checkbox for each kind and channel."""

    wanted = SelectMultipleField(lazy_gettext("Kinds of notices"), choices=list(CHECKBOXES))


@blueprint.route("/choose", methods=["GET", "POST"])
def choose() -> Any:
    """*Choose notices*: the kinds of notices to receive, by channel."""
    actor = web.actor()
    muted = notifications.muted_by(actor)
    checked = [value for value, preference in CHECKBOXES.items() if preference not in muted]
    form = PreferencesForm(data={"wanted": checked}, **form_recovery.saved_input())

    def unit() -> None:
        preferences = {CHECKBOXES[value] for value in form.wanted.data}
        notifications.set_preferences(preferences, by=actor)

    if answer := web.submit(form, unit, to=url_for(".choose"), success=_("Your choice is saved.")):
        return answer
    return web.form_page(
        form,
        "account/notifications/choose.html",
        kinds={kind: WORDING[kind].name for kind in Kind},
        channels=CHANNELS,
    )
