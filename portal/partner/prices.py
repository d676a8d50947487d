"""Prices: rates, what is missing, the margin, and whether customers see prices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import Blueprint, abort, g, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import DateField, StringField

from portal import db, web
from portal.domain import access, billing_days, prices, reports, values
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.customers import Customer
from portal.domain.errors import Code
from portal.wording import prices as wording

blueprint = Blueprint("prices", __name__, url_prefix="/<id:account_id>/prices")


def customer_of_address() -> Customer | None:
    """The customer that the address names; all customers without one."""
    if not (customer_id := request.args.get("customer", "")[:40]):
        return None
    customer = web.find_or_404(Customer, customer_id)
    return customer if customer.partner_id == g.partner.id else abort(404)


@blueprint.get("")
def index(account_id: str) -> Any:
    """Show months with their prices; to who may see cost, also rates and margins."""
    customer = customer_of_address()
    subaccount_id = customer.subaccount_id if customer else ""
    return web.page(
        "partner/prices/index.html",
        fragment="list",
        partner=g.partner,
        customer=customer,
        **_amounts(subaccount_id),
        may_set=access.may(web.actor(), Action.PRICE_SET_RATE, g.partner),
        is_published=prices.is_published_by(account_id, subaccount_id),
        is_applied=prices.is_applied(account_id),
        mark_up=wording.mark_up,
    )


def _amounts(subaccount_id: str) -> dict[str, Any]:
    """Prices by month; for who reads cost also a page of rates: a rate tells it from a price."""
    sees_cost = reports.figures_for(web.actor(), g.partner).cost
    months = prices.totals_for(g.partner, subaccount_id=subaccount_id)
    if not sees_cost:
        return {"months": months, "sees_cost": False}
    rows = prices.rates_for(g.partner, subaccount_id=subaccount_id, before=web.number_before())
    rates, next_before = web.paginate(rows, prices.PAGE, cursor=lambda row: row.rate.number)
    return {"months": months, "sees_cost": True, "rates": rates, "next_before": next_before}


def _service(text: str) -> str:
    return values.line(text, limit=prices.MAX_SERVICE) if text.strip() else ""


read_percent = web.number(4, Code.RATE_RANGE, unit="%")


class RateForm(web.CreatingForm):
    """A mark-up, from which day on and for which service."""

    percent = StringField(
        lazy_gettext("Mark-up in percent"),
        [web.REQUIRED, read_percent],
        description=lazy_gettext(
            "From −100 to 1,000,000, with up to four decimals; a negative one is a discount."
        ),
    )
    starts_on = DateField(
        lazy_gettext("From usage day"),
        [web.REQUIRED],
        description=lazy_gettext("Usage from this day on is priced again."),
    )
    service = StringField(
        lazy_gettext("Service"),
        [web.normalise_with(_service)],
        description=lazy_gettext("As usage names it; empty for all services."),
    )

    value: Decimal

    def unit(self, subaccount_id: str) -> int:
        """Set the rate; its number."""
        partner = db.session.get_one(BillingAccount, g.partner.id)
        rate = prices.set_rate(
            partner,
            percent=self.value,
            starts_on=self.starts_on.data,
            service=self.service.data or "",
            subaccount_id=subaccount_id,
            by=web.actor(),
        )
        return rate.number

    def done(self, services: list[str]) -> str:
        """What was done, with a warning of a service that usage does not name."""
        text = str(_("The rate is set."))
        if (self.service.data or "").strip() in ("", *services):
            return text
        return " ".join((text, _("No usage of your customers names this service yet.")))


@blueprint.route("/set-rate", methods=["GET", "POST"])
def set_rate(account_id: str) -> Any:
    """*Set rate*."""
    access.require(web.actor(), Action.PRICE_SET_RATE, g.partner)
    customer, form = customer_of_address(), RateForm(data={"starts_on": billing_days.today()})

    def unit() -> int:
        return form.unit(customer.subaccount_id if customer else "")

    back = url_for(".index", account_id=account_id, customer=customer and customer.id)
    services = prices.services_of(g.partner)
    if answer := web.submit(form, unit, to=back, success=lambda _number: form.done(services)):
        return answer
    return web.form_page(
        form,
        "partner/prices/set_rate.html",
        partner=g.partner,
        customer=customer,
        services=services,
        back=back,
    )


@blueprint.route("/publish", methods=["GET", "POST"])
def publish(account_id: str) -> Any:
    """*Publish prices* to all customers, or to one."""
    access.require(web.actor(), Action.PRICE_PUBLISH, g.partner)
    return _switch(prices.publish, account_id, _("Prices are published."))


@blueprint.route("/withdraw", methods=["GET", "POST"])
def withdraw(account_id: str) -> Any:
    """*Withdraw prices* from all customers, or from one."""
    access.require(web.actor(), Action.PRICE_WITHDRAW, g.partner)
    return _switch(prices.withdraw, account_id, _("Prices are withdrawn."))


def _switch(verb: Any, account_id: str, done: str) -> Any:
    customer, form = customer_of_address(), web.Form()

    def unit() -> None:
        partner = db.session.get_one(BillingAccount, account_id)
        subaccount_id = customer.subaccount_id if customer else ""
        verb(partner, by=web.actor(), subaccount_id=subaccount_id)

    back = url_for(".index", account_id=account_id, customer=customer and customer.id)
    if answer := web.submit(form, unit, to=back, success=done):
        return answer
    return web.form_page(
        form,
        "partner/prices/switch.html",
        partner=g.partner,
        customer=customer,
        is_published=verb is prices.withdraw,
        choices=0 if customer else prices.count_choices(g.partner),
        back=back,
    )
