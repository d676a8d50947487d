"""Wording of months and statements: states, what bears a statement, lines of the audit log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from portal.domain.actions import Action
from portal.domain.billing_months import State as MonthState
from portal.domain.statements import State

MONTH_STATES = {
    MonthState.OPEN: lazy_gettext("open"),
    MonthState.FINALISING: lazy_gettext("finalising"),
    MonthState.CLOSED: lazy_gettext("closed"),
}
STATES = {
    State.DRAFT: lazy_gettext("draft"),
    State.RELEASED: lazy_gettext("released"),
}

AUDIT_TITLES = {
    Action.MONTH_FINALISE: lazy_gettext("Closing of a month begun"),
    Action.MONTH_CLOSE: lazy_gettext("Month closed"),
    Action.MONTH_STOP: lazy_gettext("Closing of a month stopped"),
    Action.STATEMENT_RELEASE: lazy_gettext("Statement released"),
}

AUDIT_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    Action.MONTH_FINALISE: lambda f: _("The closing of %(month)s was begun.", month=f["thing"]),
    Action.MONTH_CLOSE: lambda f: _("The month %(month)s was closed.", month=f["thing"]),
    Action.MONTH_STOP: lambda f: _("The closing of %(month)s was stopped.", month=f["thing"]),
    Action.STATEMENT_RELEASE: lambda f: _(
        "The statement for %(month)s was released.", month=f["month"]
    ),
}
