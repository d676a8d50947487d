"""*Record invoice*: what a vendor asks for a month of a source."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import request, url_for
from flask_babel import lazy_gettext
from wtforms import MonthField, SelectField, StringField
from wtforms.validators import InputRequired

from portal import web
from portal.domain import usage
from portal.domain.errors import Code
from portal.domain.usage import UsageSource
from portal.operator.blueprint import blueprint


class InvoiceForm(web.Form):
    """A vendor's invoice of a month."""

    source = SelectField(lazy_gettext("Source"))
    month = MonthField(lazy_gettext("Month"), [InputRequired(lazy_gettext("Choose a month."))])
    amount = StringField(lazy_gettext("Amount"), [web.REQUIRED, web.number(6, Code.INVOICE_AMOUNT)])

    value: Decimal

    def __init__(self, sources: list[UsageSource]) -> None:
        super().__init__(source=request.args.get("source"))
        self.source.choices = [(source.id, source.name) for source in sources]
        if self.month.raw_data is None:
            self.month.process_formdata([request.args["month"]] if "month" in request.args else [])


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
    return web.form_page(form, "operator/usage_invoice.html", back=back)
