"""An account's own budget: of its cost or, for a customer, of the prices that it sees."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, url_for
from flask_babel import gettext as _

from portal import db, web
from portal.domain import budgets
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.budgets import Kind
from portal.domain.errors import Forbidden
from portal.web.budget_forms import BudgetForm

blueprint = Blueprint("budget", __name__, url_prefix="/billing/<id:account_id>/budget")


@blueprint.route("", methods=["GET", "POST"])
def set_budget(account_id: str) -> Any:
    """*Set budget*: an amount a month."""
    actor, account = web.actor(), web.find_or_404(BillingAccount, account_id)
    if not budgets.may_set(actor, account):
        raise Forbidden(Action.BUDGET_SET)
    spending = budgets.spending_of(account_id, Kind.OWN)
    form = BudgetForm(spending and spending.budget)

    def unit() -> None:
        again = db.session.get_one(BillingAccount, account_id)
        budgets.set_budget(again, amount=form.value, by=actor)

    back = url_for("console.usage.show", account_id=account_id)
    if answer := web.submit(form, unit, to=back, success=_("The budget is set.")):
        return answer
    template = "console/billing/set_budget.html"
    has_budget = spending is not None
    return web.form_page(form, template, account=account, back=back, has_budget=has_budget)


@blueprint.post("/remove")
def remove_budget(account_id: str) -> Any:
    """*Remove budget*."""
    if not web.Form().validate():
        abort(422)
    actor = web.actor()
    web.find_or_404(BillingAccount, account_id)
    db.write(lambda: budgets.remove(db.session.get_one(BillingAccount, account_id), by=actor))
    flash(_("The budget is removed."), "success")
    return redirect(url_for("console.usage.show", account_id=account_id), 303)


def budget_of(account: BillingAccount) -> dict[str, Any]:
    """Return what pages show of the account's own budget; nothing to who may not see it."""
    actor = web.actor()
    if not budgets.may_see(actor, account):
        return {}
    return {
        "spending": budgets.spending_of(account.id, Kind.OWN),
        "may_set_budget": budgets.may_set(actor, account) and not account.closed_at,
        "budget_url": url_for("console.budget.set_budget", account_id=account.id),
        "remove_budget_url": url_for("console.budget.remove_budget", account_id=account.id),
    }
