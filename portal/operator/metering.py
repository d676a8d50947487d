"""*Fetch usage* of a connection again, and *Set rates* of one that is sampled."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import url_for
from flask_babel import lazy_gettext
from wtforms import DateField, StringField, ValidationError
from wtforms.validators import InputRequired

from portal import web
from portal.domain import metering, policy
from portal.domain.connections import Connection
from portal.domain.errors import Refused
from portal.domain.metering import RATED, parse_rate, parse_rates
from portal.operator.blueprint import blueprint
from portal.wording.errors import sentence
from portal.wording.numbers import plain_number

LAST_DAYS = timedelta(days=2)
"""Before the last day: what the form of *Fetch usage* begins with."""
CHOOSE = lazy_gettext("Choose a day.")


class FetchForm(web.Form):
    """From which day on usage is fetched again."""

    since_on = DateField(lazy_gettext("From"), [InputRequired(CHOOSE)])


def _rate(text: str) -> str:
    try:
        plain = plain_number(text.strip(), places=9)
    except Refused as error:
        raise ValidationError(sentence(error.code, error.facts)) from None
    parse_rate(plain)
    return plain


class RatesForm(web.Form):
    """A rate for each of RATED; empty: 0."""

    since_on = DateField(lazy_gettext("From"), [InputRequired(CHOOSE)])
    cpu = StringField(lazy_gettext("A vCPU for an hour"), [web.normalise_with(_rate)])
    memory = StringField(lazy_gettext("A GiB of memory for an hour"), [web.normalise_with(_rate)])
    disk = StringField(lazy_gettext("A GiB of disk for a month"), [web.normalise_with(_rate)])


@blueprint.route("/connections/<id:connection_id>/fetch-usage", methods=["GET", "POST"])
def fetch_usage(connection_id: str) -> Any:
    """*Fetch usage* of a connection again, from a day on."""
    connection = web.find_or_404(Connection, connection_id)
    form = FetchForm(since_on=metering.last_day() - LAST_DAYS)

    def unit() -> None:
        row = web.find_or_404(Connection, connection_id)
        metering.queue_fetch(row, since_on=form.since_on.data, by=web.actor())

    back = url_for(".show_connection", connection_id=connection_id)
    done = lazy_gettext("The usage is fetched by a worker.")
    if answer := web.submit(form, unit, to=back, success=done):
        return answer
    return web.form_page(form, "operator/fetch_usage.html", connection=connection, back=back)


@blueprint.route("/connections/<id:connection_id>/rates", methods=["GET", "POST"])
def set_rates(connection_id: str) -> Any:
    """*Set rates* of a connection that is sampled, from a day on."""
    connection = web.find_or_404(Connection, connection_id)
    web.require_recent_sign_in()
    form = RatesForm(since_on=metering.last_day().replace(day=1), data=_last_rates(connection_id))

    def unit() -> None:
        rates = parse_rates({name: form[name].data or "" for name in RATED})
        row = web.find_or_404(Connection, connection_id)
        metering.set_rates(row, since_on=form.since_on.data, rates=rates, by=web.actor())

    back = url_for(".show_connection", connection_id=connection_id)
    if answer := web.submit(form, unit, to=back, success=lazy_gettext("The rates are set.")):
        return answer
    template, currency = "operator/rates.html", policy.current().currency
    return web.form_page(form, template, connection=connection, back=back, currency=currency)


def _last_rates(connection_id: str) -> dict[str, str]:
    """The rates that the form begins with."""
    status = metering.statuses_for(web.actor()).get(connection_id)
    if status is None or status.rates is None:
        return {}
    return {name: format(getattr(status.rates, name), "f") for name in RATED}
