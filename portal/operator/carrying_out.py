"""*To carry out*: what is agreed and done by hand; *Done* and *Can't be done*."""

from __future__ import annotations

from typing import Any

from flask import abort, request, url_for
from flask_babel import lazy_gettext
from wtforms import HiddenField, StringField, TextAreaField

from portal import db, web
from portal.domain import clouds, jobs, values
from portal.domain.clouds import Cloud, PendingTasks
from portal.operator.blueprint import blueprint


def _line(value: str) -> str:
    return values.line(value) if value.strip() else ""


class DoneForm(web.Form):
    """`mark` names the tasks that the page showed."""

    external_id = StringField(lazy_gettext("Its ID there"), [web.normalise_with(_line)])
    mark = HiddenField()


class FaultForm(web.Form):
    """Why it can't be done."""

    reason = TextAreaField(lazy_gettext("Because"), [web.REQUIRED, web.normalise_with(values.line)])
    mark = HiddenField()


@blueprint.get("/to-carry-out")
def show_to_carry_out() -> Any:
    """*To carry out*: list what operators do by hand, what is possible first; count the orders that
    wait for a person."""
    after = request.args.get("after", "")[:40]
    rows = clouds.to_carry_out(web.actor(), after=after)
    shown, next_after = web.paginate(rows, clouds.PAGE_TO_CARRY_OUT, cursor=lambda row: row.cursor)
    return web.page(
        "operator/to_carry_out.html",
        fragment="list",
        rows=shown,
        orders=sum(jobs.numbers_for_person().values()),
        after=after,
        next_after=next_after,
    )


@blueprint.route("/to-carry-out/<id:entry_id>/done", methods=["GET", "POST"])
def carried_out(entry_id: str) -> Any:
    """*Done*: it is carried out."""
    row = _find(entry_id)
    form = DoneForm(mark=row.mark)

    def unit() -> None:
        cloud = db.session.get_one(Cloud, entry_id)
        external_id, mark = form.external_id.data or "", form.mark.data or ""
        clouds.record_done(cloud, external_id=external_id, mark=mark, by=web.actor())

    return _page(form, unit, row, lazy_gettext("It is recorded as done."))


@blueprint.route("/to-carry-out/<id:entry_id>/fault", methods=["GET", "POST"])
def cannot_carry_out(entry_id: str) -> Any:
    """*Can't be done*, because of a reason."""
    row = _find(entry_id)
    form = FaultForm(mark=row.mark)

    def unit() -> None:
        cloud = db.session.get_one(Cloud, entry_id)
        reason, mark = form.reason.data or "", form.mark.data or ""
        clouds.record_fault(cloud, reason=reason, mark=mark, by=web.actor())

    return _page(form, unit, row, lazy_gettext("The reason is shown on the cloud’s page."))


def _find(cloud_id: str) -> PendingTasks:
    """Return what is to be done for the cloud. Aborts with 404 if there is nothing."""
    row = clouds.entry_for(web.actor(), cloud_id)
    if row is None:
        abort(404)
    web.require_recent_sign_in()
    return row


def _page(form: web.Form, unit: Any, row: PendingTasks, success: Any) -> Any:
    back = url_for(".show_to_carry_out")
    if answer := web.submit(form, unit, to=back, success=success):
        return answer
    return web.page("operator/carry_out.html", row=row, form=form, back=back, status=form.status)
