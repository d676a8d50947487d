"""*Budget* of a customer: set, change and remove it."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, g, redirect, url_for
from flask_babel import gettext as _

from portal import db, web
from portal.domain import access, budgets
from portal.domain.actions import Action
from portal.domain.budgets import Kind
from portal.domain.customers import Customer, Status
from portal.partner.customers.blueprint import blueprint, find
from portal.web.budget_forms import CustomerBudgetForm


@blueprint.route("/<id:customer_id>/budget", methods=["GET", "POST"])
def set_budget(account_id: str, customer_id: str) -> Any:
    """*Set budget*: an amount a month; an owner chooses what it stops."""
    actor, customer = web.actor(), find(customer_id)
    access.require(actor, Action.BUDGET_SET_FOR_CUSTOMER, g.partner)
    may_choose = access.may(actor, Action.BUDGET_CHOOSE_STEPS, g.partner)
    spending = budgets.spending_of(customer.subaccount_id, Kind.CUSTOMER)
    form = CustomerBudgetForm(spending and spending.budget, may_choose=may_choose)

    def unit() -> None:
        again = db.session.get_one(Customer, customer_id)
        budgets.set_for_customer(again, amount=form.value, steps=form.chosen(), by=actor)

    back = url_for(".usage", account_id=account_id, customer_id=customer_id)
    if answer := web.submit(form, unit, to=back, success=_("The budget is set.")):
        return answer
    template = "partner/customers/set_budget.html"
    context = {"partner": g.partner, "customer": customer, "back": back}
    return web.form_page(form, template, **context, has_budget=spending is not None)


@blueprint.post("/<id:customer_id>/budget/remove")
def remove_budget(account_id: str, customer_id: str) -> Any:
    """*Remove budget*."""
    if not web.Form().validate():
        abort(422)
    find(customer_id)
    actor = web.actor()
    db.write(
        lambda: budgets.remove_for_customer(db.session.get_one(Customer, customer_id), by=actor)
    )
    flash(_("The budget is removed."), "success")
    return redirect(url_for(".usage", account_id=account_id, customer_id=customer_id), 303)


def budget_of(customer: Customer) -> dict[str, Any]:
    """Return what *Usage* shows of the customer's budget, which all of the partner's staff see."""
    may_set = access.may(web.actor(), Action.BUDGET_SET_FOR_CUSTOMER, g.partner)
    ids = {"account_id": g.partner.id, "customer_id": customer.id}
    return {
        "spending": budgets.spending_of(customer.subaccount_id, Kind.CUSTOMER),
        "may_set_budget": may_set and customer.status is not Status.INACTIVE,
        "budget_url": url_for(".set_budget", **ids),
        "remove_budget_url": url_for(".remove_budget", **ids),
    }
