"""Notices: what happened to what is yours, and which kinds you want to hear of."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask_babel import gettext as _
from wtforms import SelectMultipleField

from portal import db, web
from portal.domain import notice
from portal.domain.notice import Channel, Kind, Notice

blueprint = Blueprint("notices", __name__, url_prefix="/notices")
web.gate(blueprint, web.require_sign_in)


@blueprint.get("")
def index() -> Any:
    """The newest notices."""
    after = request.args.get("after", "")[:20]
    rows = notice.notices_for(web.actor(), after=after)
    return web.page(
        "notices/index.html",
        notices=rows[: notice.PAGE],
        next_after=rows[notice.PAGE - 1].id if len(rows) > notice.PAGE else None,
        after=after,
        form=web.Form(),
    )


@blueprint.post("/<id:notice_id>/read")
def read(notice_id: str) -> Any:
    """Opens what the notice is about; from then on it is read."""
    actor, found = web.actor(), web.find_or_404(Notice, notice_id)
    path = found.path
    if not web.Form().validate():
        return redirect(url_for(".index"), 303)
    db.write(lambda: notice.read(by=actor, notice_id=notice_id))
    return redirect(web.own_path(path), 303)


@blueprint.post("/read-all")
def read_all() -> Any:
    """All notices are read."""
    actor = web.actor()
    if web.Form().validate():
        db.write(lambda: notice.read(by=actor))
    return redirect(url_for(".index"), 303)


class ChoiceForm(web.Form):
    """A box for each kind and channel; its value is `kind:channel`."""

    wanted = SelectMultipleField(choices=[f"{k}:{c}" for k in Kind for c in Channel])


@blueprint.route("/choose", methods=["GET", "POST"])
def choose() -> Any:
    """Which kinds of notice one wants, and where."""
    actor, form = web.actor(), ChoiceForm()
    if form.is_submitted() and form.validate():
        pairs = [value.split(":") for value in form.wanted.data or []]
        wanted = {(Kind(kind), Channel(channel)) for kind, channel in pairs}
        db.write(lambda: notice.choose(wanted, by=actor))
        flash(_("Your choice is saved."), "success")
        return redirect(url_for(".choose"), 303)
    return web.page(
        "notices/choose.html",
        form=form,
        muted=notice.muted_by(actor.id),
        kinds=list(Kind),
        channels=list(Channel),
        status=422 if form.is_submitted() else 200,
    )
