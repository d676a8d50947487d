"""*It arrived* and *It did not arrive*: an operator settles a mail whose delivery is unknown."""

from __future__ import annotations

from typing import Any

from flask import abort, url_for
from flask_babel import lazy_gettext
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice

from portal import web
from portal.domain import customers, mail_deliveries
from portal.domain.customers import NotArrivedReason
from portal.domain.mail_deliveries import MailDelivery
from portal.operator.blueprint import blueprint
from portal.operator.work import find
from portal.wording import labels

ARRIVED = lazy_gettext("It arrived")
NOT_ARRIVED = lazy_gettext("It did not arrive")
REASONS = (("", ""), *labels.NOT_ARRIVED_REASONS.items())


class NotArrivedForm(web.Form):
    """How the operator knows that the mail did not arrive."""

    reason = SelectField(
        lazy_gettext("How do you know?"),
        [web.REQUIRED],
        choices=[SelectChoice(*reason) for reason in REASONS],
    )


@blueprint.route("/work/jobs/<id:job_id>/arrived", methods=["GET", "POST"])
def arrived(job_id: str) -> Any:
    """*It arrived*: the relay has taken the mail."""
    delivery, form = _find_delivery(job_id), web.Form()

    def unit() -> None:
        customers.record_arrived(mail_deliveries.get(delivery.id), by=web.actor())

    done = lazy_gettext("It is recorded that the email arrived.")
    return web.submit(form, unit, to=_list_url(job_id), success=done) or _page(job_id, form)


@blueprint.route("/work/jobs/<id:job_id>/not-arrived", methods=["GET", "POST"])
def not_arrived(job_id: str) -> Any:
    """*It did not arrive*: the partner can send the invitation again."""
    delivery, form = _find_delivery(job_id), NotArrivedForm()

    def unit() -> None:
        reason = NotArrivedReason(form.reason.data)
        delivery_now = mail_deliveries.get(delivery.id)
        customers.record_not_arrived(delivery_now, by=web.actor(), reason=reason)

    done = lazy_gettext("It is recorded that the email did not arrive; the partner is notified.")
    return web.submit(form, unit, to=_list_url(job_id), success=done) or _page(job_id, form)


def _find_delivery(job_id: str) -> MailDelivery:
    """Return the invitation's mail that is the job's subject. Aborts with 404; raises
    ReauthenticationRequired."""
    row = find(job_id)
    if row.delivery is None or row.customer is None:
        abort(404)
    web.require_recent_sign_in()
    return row.delivery


def _list_url(job_id: str) -> str:
    return url_for(".show_jobs", kind=find(job_id).job.kind, state="parked")


def _page(job_id: str, form: web.Form) -> Any:
    is_arrived = not isinstance(form, NotArrivedForm)
    return web.form_page(
        form,
        "operator/unknown_mail.html",
        row=find(job_id),
        button=ARRIVED if is_arrived else NOT_ARRIVED,
        back=_list_url(job_id),
    )
