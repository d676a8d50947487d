"""Wording of prices: rates as percent, and lines of the audit log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from babel.numbers import format_decimal
from flask_babel import get_locale, lazy_gettext
from flask_babel import gettext as _

from portal.domain.actions import Action
from portal.wording.numbers import read_decimal


def mark_up(percent: Decimal) -> str:
    """Return a rate with its sign and all its decimals: "+12.5 %"."""
    exact = percent.normalize() + 0  # no minus before zero
    number = format_decimal(abs(exact), locale=get_locale() or "en", decimal_quantization=False)
    sign = "−" if exact < 0 else "+" if exact else ""
    return f"{sign}{number} %"


def read_percent(text: str) -> Decimal | None:
    """Return a rate as people write it, with or without a percent sign; None if it is no number."""
    return read_decimal(text.strip().removesuffix("%"))


AUDIT_TITLES = {
    Action.PRICE_SET_RATE: lazy_gettext("Rate set"),
    Action.PRICE_PUBLISH: lazy_gettext("Prices published"),
    Action.PRICE_WITHDRAW: lazy_gettext("Prices withdrawn"),
}

AUDIT_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    Action.PRICE_SET_RATE: lambda f: _("Rate %(number)s was set.", number=f["rate"]),
    Action.PRICE_PUBLISH: lambda f: (
        _("Prices were published to the customer of %(account)s.", account=f["account"])
        if f.get("account")
        else _("Prices were published to all customers.")
    ),
    Action.PRICE_WITHDRAW: lambda f: (
        _("Prices were withdrawn from the customer of %(account)s.", account=f["account"])
        if f.get("account")
        else _("Prices were withdrawn from all customers.")
    ),
}
