"""Wording of numbers: decimal numbers as people write them."""

from __future__ import annotations

import re
from decimal import Decimal

from babel import Locale
from flask_babel import get_locale

THOUSANDS = 3


def read_decimal(text: str) -> Decimal | None:
    """Return a number as people write it, None if it is none. Comma and point are decimal marks,
    unless they separate thousands in the reader's language."""
    plain = "".join(text.replace("−", "-").split())
    match = re.fullmatch(r"[+-]?[0-9]+(?:([.,])([0-9]+))?", plain)
    if match is None:
        return None
    mark, decimals = match.groups()
    separator = Locale.parse(get_locale() or "en").number_symbols["latn"]["group"]
    if mark == separator and len(decimals) == THOUSANDS:
        return None
    return Decimal(plain.replace(",", "."))
