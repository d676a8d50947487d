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
    Code.MONTH_CLOSED: lambda f: _("This month is closed: a rate can’t begin in it."),
    Code.ENTRY_COUNTERED: lambda f: _("This entry is countered already."),
}
