"""*Record invoice*: what a vendor asks for a month of a source."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import request, url_for
from flask_babel import lazy_gettext
from wtforms import MonthField, SelectField, StringField
from wtforms.validators import InputRequired

from portal import db, web
from portal.domain import usage
from portal.domain.errors import Code
from portal.domain.usage import UsageSource
from portal.i18n import formats
from portal.operator.blueprint import blueprint
from portal.operator.months import read_month
from portal.operator.usage import Step, step_page


class InvoiceForm(web.Form):
    """A vendor's invoice of a month."""

    source = SelectField(lazy_gettext("Source"))
    month = MonthField(lazy_gettext("Month"), [InputRequired(lazy_gettext("Choose a month."))])
    amount = StringField(lazy_gettext("Amount"), [web.REQUIRED, web.number(6, Code.INVOICE_AMOUNT)])

    value: Decimal

    def __init__(self, sources: list[UsageSource]) -> None:
        month = request.args.get("month", type=_read_month)
        super().__init__(source=request.args.get("source"), month=month)
        self.source.choices = [(source.id, source.name) for source in sources]


def _read_month(text: str) -> date:
    return datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 - a day has no zone


@blueprint.route("/usage/invoices/record", methods=["GET", "POST"])
def record_invoice() -> Any:
    """*Record invoice* of a source and month, beside our sum."""
    web.require_recent_sign_in()
    form, back = InvoiceForm(usage.file_sources_for(web.actor())), url_for(".show_usage")

    def unit() -> None:
        source = web.find_or_404(UsageSource, form.source.data)
        usage.record_invoice(source, month_on=form.month.data, amount=form.value, by=web.actor())

    done = lazy_gettext("The invoice is recorded.")
    if answer := web.submit(form, unit, to=back, success=done):
        return answer
    remove = _recorded(form.source.data, form.month.data)
    return web.form_page(form, "operator/usage_invoice.html", back=back, remove=remove)


def _recorded(source_id: str | None, month_on: date | None) -> str | None:
    """Where the invoice of the source's month is removed, if one is recorded."""
    source = db.session.get(UsageSource, source_id or "")
    if source is None or month_on is None or usage.find_invoice(source, month_on) is None:
        return None
    return url_for(".remove_invoice", source=source.id, month=f"{month_on:%Y-%m}")


REMOVE = Step(
    lazy_gettext("Remove this invoice?"),
    lazy_gettext("Remove invoice"),
    lazy_gettext("Our sum of the month then has no invoice beside it. You can record it again."),
    lazy_gettext("The invoice is removed."),
    is_danger=True,
)


@blueprint.route("/usage/invoices/remove", methods=["GET", "POST"])
def remove_invoice() -> Any:
    """*Remove invoice* of the source and month that the address names."""
    month_on = read_month(request.args.get("month", ""))
    source = web.find_or_404(UsageSource, request.args.get("source", "")[:40])
    web.require_recent_sign_in()
    form, back = web.Form(), url_for(".show_usage")

    def unit() -> None:
        row = web.find_or_404(UsageSource, source.id)
        usage.remove_invoice(row, month_on=month_on, by=web.actor())

    if answer := web.submit(form, unit, to=back, success=REMOVE.done):
        return answer
    name, action = f"{source.name}, {formats.month(month_on)}", _recorded(source.id, month_on)
    return step_page(REMOVE, name, form, back, action=action)
