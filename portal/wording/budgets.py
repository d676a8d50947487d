"""Wording of budgets: notices, lines of the audit log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from portal.domain.actions import Action
from portal.i18n.formats import iso_day, money, month

Facts = Mapping[str, Any]


def title(facts: Facts) -> str:
    """Return which step of a budget was reached, by whom, in which month."""
    named = {
        "name": facts.get("customer") or facts["account"],
        "month": month(date.fromisoformat(facts["month"])),
        "amount": money(Decimal(facts["amount"]), is_exact=False),
    }
    match facts["step"]:
        case "forecast":
            text = _("%(name)s: by forecast, %(month)s exceeds the budget of %(amount)s", **named)
        case "suspended":
            text = _("%(name)s was suspended: %(month)s exceeds the budget of %(amount)s", **named)
        case "100":
            text = _("%(name)s: the budget of %(amount)s for %(month)s is spent", **named)
        case percent:
            named["percent"] = percent
            text = _(
                "%(name)s: %(percent)s%% of the budget of %(amount)s for %(month)s is spent",
                **named,
            )
    return str(text)


def meaning(facts: Facts) -> str:
    """Return what happens then, and where."""
    if "customer" not in facts:
        return str(_("This budget stops nothing."))
    if facts["step"] == "suspended":
        return str(_("This step was chosen with the budget. The customer can be resumed."))
    return str(_("What happens next is on the customer’s page, in Usage."))


def limit_title(facts: Facts) -> str:
    """Return what a partner's limit does to its customer, without an amount."""
    match facts["step"]:
        case "near":
            return str(_("%(partner)s is about to stop new clouds in your subaccount", **facts))
        case "stopped":
            return str(_("%(partner)s stopped new clouds in your subaccount", **facts))
        case _other:
            return str(_("%(partner)s is about to suspend your subaccount", **facts))


def limit_meaning(facts: Facts) -> str:
    """Return what the customer can and can't do, and what is next."""
    if facts["step"] == "near":
        return str(
            _(
                "This month’s usage is close to the limit that the partner set. Once it is "
                "reached, no cloud can be created in the subaccount or linked to it this month."
            )
        )
    stopped = _(
        "The limit for this month is reached. No cloud can be created in the subaccount or linked "
        "to it before %(day)s. The clouds that are there go on running.",
        day=iso_day(facts["until"]),
    )
    if facts["step"] == "stopped":
        return str(stopped)
    suspends = _(
        "If this month’s usage goes on growing, the subaccount is suspended with its clouds, on "
        "%(day)s at the earliest. Ask the partner if you need more.",
        day=iso_day(facts["day"]),
    )
    return f"{stopped} {suspends}"


AUDIT_TITLES = {
    Action.BUDGET_SET: lazy_gettext("Budget set"),
    Action.BUDGET_SET_FOR_CUSTOMER: lazy_gettext("Customer’s budget set"),
    Action.BUDGET_REMOVE: lazy_gettext("Budget removed"),
    Action.BUDGET_STOP_CLOUDS: lazy_gettext("New clouds stopped by a budget"),
    Action.BUDGET_SUSPEND: lazy_gettext("Customer suspended by a budget"),
}


def _set_for_customer(facts: Facts) -> str:
    if facts["suspends_at"]:
        return str(
            _(
                "A budget for the customer was set. At 100%% new clouds stop, at %(percent)s%% the "
                "customer is suspended.",
                percent=facts["suspends_at"],
            )
        )
    if facts["stops_clouds"]:
        return str(_("A budget for the customer was set. At 100% new clouds stop."))
    return str(_("A budget for the customer was set. It stops nothing."))


def _month(facts: Facts) -> str:
    return month(date.fromisoformat(facts["month"]))


AUDIT_SENTENCES: dict[str, Callable[[Facts], str]] = {
    Action.BUDGET_SET: lambda f: _("A budget of the account’s own was set."),
    Action.BUDGET_SET_FOR_CUSTOMER: _set_for_customer,
    Action.BUDGET_REMOVE: lambda f: _("A budget was removed."),
    Action.BUDGET_STOP_CLOUDS: lambda f: _(
        "The customer’s budget for %(month)s is spent: new clouds stop.", month=_month(f)
    ),
    Action.BUDGET_SUSPEND: lambda f: _(
        "The customer’s budget for %(month)s is exceeded: it was suspended.", month=_month(f)
    ),
}
