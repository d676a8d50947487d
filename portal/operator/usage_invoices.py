"""*Record invoice*: what a vendor asks for a month of a source."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import request, url_for
from flask_babel import lazy_gettext
from wtforms import MonthField, SelectField, StringField, ValidationError
from wtforms.validators import InputRequired

from portal import web
from portal.domain import usage
from portal.domain.errors import Code
from portal.domain.usage import UsageSource
from portal.operator.blueprint import blueprint
from portal.wording.errors import sentence
from portal.wording.numbers import read_decimal


def _read_amount(form: Any, field: Any) -> None:
    form.value = read_decimal(field.data or "")
    if form.value is None:
        raise ValidationError(sentence(Code.AMOUNT_RANGE, {}))


class InvoiceForm(web.Form):
    """A vendor's invoice of a month."""

    source = SelectField(lazy_gettext("Source"))
    month = MonthField(lazy_gettext("Month"), [InputRequired(lazy_gettext("Choose a month."))])
    amount = StringField(lazy_gettext("Amount"), [web.REQUIRED, _read_amount])

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
        month_on = form.month.data
        usage.record_invoice(source, month_on=month_on, amount=form.value, by=web.actor())

    done = lazy_gettext("The invoice is recorded.")
    if answer := web.submit(form, unit, to=back, success=done):
        return answer
    return web.form_page(form, "operator/usage_invoice.html", back=back)
