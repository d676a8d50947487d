"""Forms of budgets, in the console and in the partner portal."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import IntegerField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from portal import web
from portal.domain import policy
from portal.domain.budgets import Budget, Steps
from portal.domain.errors import Code

NOTHING, STOP, SUSPEND = "nothing", "stop", "suspend"
SUSPENDS_AT = 120
"""What the form begins with."""


class BudgetForm(web.Form):
    """The amount of a month."""

    amount = StringField(validators=[web.REQUIRED, web.number(2, Code.BUDGET_AMOUNT)])

    value: Decimal

    def __init__(self, budget: Budget | None, **kwargs: Any) -> None:
        amount = {"amount": f"{budget.amount:.2f}".removesuffix(".00")} if budget else {}
        super().__init__(**(amount | kwargs))
        self.amount.label.text = _("Amount a month, %(currency)s", currency=_currency())


def _currency() -> str:
    return policy.current().currency


class CustomerBudgetForm(BudgetForm):
    """A budget for a customer, with its steps for who may choose them."""

    steps = SelectField(
        lazy_gettext("When it is reached"),
        choices=[
            SelectChoice(NOTHING, lazy_gettext("Notify only")),
            SelectChoice(STOP, lazy_gettext("At 100%: no new clouds this month")),
            SelectChoice(SUSPEND, lazy_gettext("At 100%: no new clouds; above, suspend")),
        ],
    )
    suspends_at = IntegerField(
        lazy_gettext("Suspend at, % of the budget"),
        [Optional()],
        description=lazy_gettext(
            "From 101 to 500; only to suspend. The customer is notified at least a day before."
        ),
    )

    def __init__(self, budget: Budget | None, *, may_choose: bool) -> None:
        stops_clouds, suspends_at = budget.steps if budget else Steps()
        steps = SUSPEND if suspends_at else STOP if stops_clouds else NOTHING
        super().__init__(budget, steps=steps, suspends_at=suspends_at or SUSPENDS_AT)
        if not may_choose:
            del self.steps, self.suspends_at

    def chosen(self) -> Steps | None:
        """Return the steps; None for who may not choose any."""
        if not self.steps:
            return None
        suspends_at = (self.suspends_at.data or 0) if self.steps.data == SUSPEND else None
        return Steps(self.steps.data != NOTHING, suspends_at)
