"""Numbers as people write them: in all forms, and in commands."""

from __future__ import annotations

import re
from decimal import Decimal

from babel import Locale
from babel.numbers import NumberFormatError, parse_decimal
from flask_babel import get_locale

from portal.domain.errors import Code, Refused

DIGITS = 3
"""Of a group of thousands."""
THOUSANDS = re.compile(rf"[+-]?[1-9][0-9]{{0,2}}([.,])[0-9]{{{DIGITS}}}")


def read_number(text: str, *, places: int) -> Decimal | None:
    """Return a number with up to `places` decimals, None if it is none. Comma and point are decimal
    marks, or separate thousands as in the reader's language.

    Raises Refused("number-unclear") where "1,234" could be either.
    """
    plain, locale = "".join(text.replace("−", "-").split()), str(get_locale() or "en")
    match = THOUSANDS.fullmatch(plain)
    if match and match[1] == Locale.parse(locale).number_symbols["latn"]["group"]:
        thousands = plain.replace(match[1], "")
        if places >= DIGITS:
            decimal = plain.replace(",", ".")
            raise Refused(Code.NUMBER_UNCLEAR, thousands=thousands, decimal=decimal)
        return Decimal(thousands)
    if re.fullmatch(r"[+-]?[0-9]+([.,][0-9]+)?", plain):
        number = Decimal(plain.replace(",", "."))
    elif re.fullmatch(r"-?[0-9][0-9.,]+", plain):
        try:
            number = parse_decimal(plain, locale=locale, strict=True)
        except NumberFormatError:
            return None
    else:
        return None
    exponent = number.as_tuple().exponent
    return number if isinstance(exponent, int) and -exponent <= places else None


def plain_number(text: str, *, places: int) -> str:
    """Return the number as `read_number` reads it, in digits with a point; other text as it is."""
    number = read_number(text, places=places)
    return text if number is None else format(number, "f")
