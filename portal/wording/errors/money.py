"""Error messages of money: amounts, lots and entries that operators record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _

from portal.domain.errors import Code

SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    Code.AMOUNT_RANGE: lambda f: _(
        "Enter an amount such as 49.50, with up to six decimals; payments and grants are positive."
    ),
    Code.NUMBER_UNCLEAR: lambda f: _(
        "The comma could mean thousands or decimals. Write %(thousands)s or %(decimal)s.", **f
    ),
    Code.INVOICE_AMOUNT: lambda f: _(
        "Enter an amount such as 49.50 or −5, with up to six decimals, below a million millions."
    ),
    Code.INVOICE_EARLY: lambda f: _("This month has not begun yet."),
    Code.INVOICE_UNKNOWN: lambda f: _("No invoice is recorded for this month."),
    Code.ACCOUNT_PAYS_NOT: lambda f: _(
        "This is a subaccount: its balance is always zero. Choose the partner’s account."
    ),
    Code.DAYS_REVERSED: lambda f: _("The last day is before the first."),
    Code.ENTRY_UNKNOWN: lambda f: _("The account has no entry with this number."),
    Code.ENTRY_OF_USAGE: lambda f: _(
        "This entry comes from usage. Correct the delivery, or record a credit."
    ),
    Code.RATE_RANGE: lambda f: _(
        "Enter a rate from −100 to 1,000,000 percent, with up to four decimals."
    ),
    Code.RATE_SERVICE: lambda f: _("Usage names this service “%(service)s”.", **f),
    Code.BUDGET_AMOUNT: lambda f: _(
        "Enter an amount such as 500 or 49.50, with up to two decimals."
    ),
    Code.BUDGET_PERCENT: lambda f: _("Enter a whole percentage from 101 to 500."),
    Code.MONTH_CLOSED: lambda f: _(
        "This month is closed: its costs and prices change no more. Choose one that is open."
    ),
    Code.MONTH_NOT_OVER: lambda f: _("This month is not over yet."),
    Code.MONTH_ORDER: lambda f: _(
        "Months are closed in their order: close the month before it first."
    ),
    Code.MONTH_NOT_FINALISING: lambda f: _("The closing of this month has not begun, or is done."),
    Code.MONTH_DELIVERY_STAGED: lambda f: _(
        "A delivery of usage waits. Publish or discard it, then close the month."
    ),
    Code.MONTH_RATE_WAITS: lambda f: _(
        "A worker applies a new rate of a partner. Close the month in some minutes."
    ),
    Code.STATEMENT_RELEASED: lambda f: _("This statement is released already."),
    Code.STATEMENT_PRICES_MISSING: lambda f: _(
        "Prices are missing. Release the statement without these costs, if that is meant."
    ),
    Code.STATEMENT_PRICES_COMPLETE: lambda f: _("No price is missing on this statement."),
    Code.STATEMENT_RATE_WAITS: lambda f: _(
        "A worker sets the missing prices. Release the statement in some minutes."
    ),
    Code.STATEMENT_PRICES_HIDDEN: lambda f: _(
        "This customer sees no prices yet. Publish prices first."
    ),
    Code.STATEMENT_PROFILE_MISSING: lambda f: _(
        "The statement needs your firm’s legal name. An owner enters it in Profile."
    ),
    Code.STATEMENTS_KEPT: lambda f: _(
        "Its statements must be kept until %(day)s. With --statements it is erased from them, too.",
        day=f["until"],
    ),
    Code.ENTRY_COUNTERED: lambda f: _("This entry is countered already."),
}
