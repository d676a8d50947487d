"""Wording of usage: modes, states, the reasons of bad rows, exact amounts, audit lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from flask_babel import gettext, lazy_gettext, lazy_pgettext, ngettext

from portal.domain.actions import Action
from portal.domain.usage import Delivery, Mode, Periods, State
from portal.i18n.formats import money, month
from portal.usage_files import Reason
from portal.wording.errors import sentence


def _(text: str, **facts: object) -> str:
    return str(gettext(text, **facts))


MODES = {
    Mode.OVERWRITE: lazy_gettext("Overwrite: all that there is of its billing periods"),
    Mode.APPEND: lazy_gettext("Append: something more"),
}
MODE_NAMES = {
    Mode.OVERWRITE: lazy_pgettext("usage", "Overwrite"),
    Mode.APPEND: lazy_pgettext("usage", "Append"),
}
STATES = {
    State.UPLOADING: lazy_pgettext("usage", "Uploading"),
    State.UPLOADED: lazy_pgettext("usage", "Waiting"),
    State.STAGING: lazy_pgettext("usage", "Being read"),
    State.STAGED: lazy_pgettext("usage", "To be published"),
    State.PUBLISHED: lazy_pgettext("usage", "Published"),
    State.REMOVED: lazy_pgettext("usage", "Removed"),
    State.REFUSED: lazy_pgettext("usage", "Not published"),
}
SHAPES = {
    State.UPLOADING: "waiting",
    State.UPLOADED: "waiting",
    State.STAGING: "waiting",
    State.STAGED: "waiting",
    State.PUBLISHED: "active",
    State.REMOVED: "inactive",
    State.REFUSED: "failed",
}
"""How each state is marked."""
REASONS = {
    Reason.COLUMNS: lazy_gettext("The row has another number of columns than the header."),
    Reason.QUOTES: lazy_gettext("Quotation marks are wrong."),
    Reason.MISSING: lazy_gettext("The value is missing."),
    Reason.NOT_A_NUMBER: lazy_gettext("This is not a number such as 1234.56."),
    Reason.TOO_LARGE: lazy_gettext("The number is too large, or no number."),
    Reason.DECIMALS: lazy_gettext("The number has more than 15 decimals."),
    Reason.CURRENCY: lazy_gettext("The currency is not that of this installation."),
    Reason.DATE: lazy_gettext("This is not a time such as 2026-10-01T00:00:00Z."),
    Reason.REVERSED: lazy_gettext("The period ends before it begins."),
    Reason.CATEGORY: lazy_gettext(
        "The category is not Usage, Purchase, Tax, Credit or Adjustment."
    ),
    Reason.NO_KEY: lazy_gettext("No column names a cloud."),
    Reason.KEY_LONG: lazy_gettext("The name of the cloud is longer than 500 characters."),
}

AUDIT_TITLES = {
    Action.USAGE_SOURCE_ADD: lazy_gettext("Source of usage added"),
    Action.USAGE_UPLOAD: lazy_gettext("Usage uploaded"),
    Action.USAGE_PUBLISH: lazy_gettext("Usage published"),
    Action.USAGE_DISCARD: lazy_gettext("Usage discarded"),
    Action.USAGE_REMOVE: lazy_gettext("Usage removed"),
    Action.USAGE_ASSIGN: lazy_gettext("Usage assigned to a cloud"),
    Action.USAGE_UNASSIGN: lazy_gettext("Usage unassigned"),
    Action.USAGE_INVOICE: lazy_gettext("Invoice of a vendor recorded"),
    Action.USAGE_INVOICE_REMOVE: lazy_gettext("Invoice of a vendor removed"),
}
AUDIT_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    Action.USAGE_SOURCE_ADD: lambda f: _("A source of usage was added: %(id)s.", id=f["thing"]),
    Action.USAGE_UPLOAD: lambda f: _("Files of usage were uploaded: %(id)s.", id=f["thing"]),
    Action.USAGE_PUBLISH: lambda f: _("A delivery of usage was published: %(id)s.", id=f["thing"]),
    Action.USAGE_DISCARD: lambda f: _("A delivery of usage was discarded: %(id)s.", id=f["thing"]),
    Action.USAGE_REMOVE: lambda f: _("A delivery of usage was removed: %(id)s.", id=f["thing"]),
    Action.USAGE_ASSIGN: lambda f: _("Usage was assigned to the cloud %(id)s.", id=f["cloud"]),
    Action.USAGE_INVOICE: lambda f: _(
        "An invoice of the source %(id)s was recorded: %(amount)s for the month from %(day)s.",
        id=f["thing"],
        amount=f["amount"],
        day=f["month"],
    ),
    Action.USAGE_INVOICE_REMOVE: lambda f: _(
        "An invoice of the source %(id)s was removed: %(amount)s for the month from %(day)s.",
        id=f["thing"],
        amount=f["amount"],
        day=f["month"],
    ),
    Action.USAGE_UNASSIGN: lambda f: _(
        "Usage is no longer assigned to the cloud %(id)s.", id=f["cloud"]
    ),
}


def exact_text(amount: Decimal) -> str:
    """The amount with all its decimals, at least two: "1234.50"."""
    whole, _point, decimals = format(amount, "f").partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def bad_rows_table(rows: Iterable[Any]) -> Iterator[list[str]]:
    """The table of bad rows for a CSV file, with its header."""
    yield [_("File"), _("Row"), _("Column"), _("Value"), _("Reason")]
    for file, row, reason, column, value in rows:
        yield [file, str(row), column, value, str(REASONS.get(reason, reason))]


def state_of(delivery: Delivery, periods: Periods | None) -> tuple[str, str]:
    """The name of a delivery's state, and how it is marked; a snapshot may be replaced as a
    whole."""
    if delivery.state is State.PUBLISHED and periods is not None and not periods.open:
        return str(lazy_pgettext("usage", "Replaced")), "inactive"
    return str(STATES[delivery.state]), SHAPES[delivery.state]


def months(periods: Periods) -> str:
    """The months from the first to the last billing period."""
    first, last = month(periods.first_on), month(periods.last_on)
    return first if first == last else f"{first} – {last}"


def refusal(refusal: dict[str, Any]) -> str:
    """Why a delivery was refused."""
    return sentence(refusal["code"], refusal["facts"])


def rows_and_sum(of: Any) -> str:
    """The number of rows and their exact sum."""
    text = ngettext("%(num)s row", "%(num)s rows", of.rows)
    return f"{text}, {money(of.amount)}"
