"""Phone numbers, read with the rules of a country."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

from portal.domain.errors import Code
from portal.domain.values.country import country as known_country
from portal.domain.values.invalid import Invalid
from portal.domain.values.text import line, without_format

PHONE_LIMIT = 60  # characters as typed, blanks and brackets included

_SIGNS = frozenset("+()./ -‐‑‒–—―−")
_EXTENSION = re.compile(r"(ext|extn|extension|доб|вн|x|#|;|,)\W*\d{1,7}\W*$", re.IGNORECASE)

_IMPOSSIBLE = {
    ValidationResult.TOO_SHORT: Code.PHONE_SHORT,
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: Code.PHONE_SHORT,  # lacks its area code
    ValidationResult.TOO_LONG: Code.PHONE_LONG,
    ValidationResult.INVALID_LENGTH: Code.PHONE_NUMBER,
    ValidationResult.INVALID_COUNTRY_CODE: Code.PHONE_COUNTRY,
}


@dataclass(frozen=True, slots=True)
class Phone:
    """A number as it is stored (`e164`, ITU-T E.164) and shown (`display`, ITU-T E.123).

    `is_valid` is False for a number that no plan known here assigns. New ranges open faster than
    libraries learn of them, so that is worth a warning, never a refusal.
    """

    e164: str
    display: str
    is_valid: bool


def phone(value: str, country: str) -> Phone:
    """A number written nationally in that country, or internationally (+…) in any.

    Digits of all scripts count. An extension is refused, not dropped: E.164 has no place for it,
    and a number without it would reach a stranger. Raises Malformed: what `line` raises,
    country-unknown, or a code that begins with phone-.
    """
    region = known_country(country)
    typed = _typed(value)
    try:
        parsed = phonenumbers.parse(typed, region)
    except NumberParseException as error:
        raise Invalid(_unreadable(error)) from None
    possible = phonenumbers.is_possible_number_with_reason(parsed)
    if possible != ValidationResult.IS_POSSIBLE:
        raise Invalid(_IMPOSSIBLE.get(possible, Code.PHONE_NUMBER))
    e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    if phonenumbers.parse(e164) != parsed:
        # A nought too many: read again it would be taken for the trunk prefix, and be dropped.
        raise Invalid(Code.PHONE_NUMBER)
    return Phone(
        e164=e164,
        display=phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL),
        is_valid=phonenumbers.is_valid_number(parsed),
    )


def _typed(value: str) -> str:
    typed = unicodedata.normalize("NFKC", line(without_format(value), limit=PHONE_LIMIT))
    if _EXTENSION.search(typed):
        raise Invalid(Code.PHONE_EXTENSION)
    # The parser is lenient: it would dial letters, and find a number inside a sentence.
    if not all(sign.isdecimal() or sign in _SIGNS for sign in typed):
        raise Invalid(Code.PHONE_CHARACTERS)
    return typed


def _unreadable(error: NumberParseException) -> Code:
    if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
        return Code.PHONE_COUNTRY
    if error.error_type == NumberParseException.TOO_LONG:
        return Code.PHONE_LONG
    if error.error_type == NumberParseException.NOT_A_NUMBER:
        return Code.PHONE_NUMBER
    return Code.PHONE_SHORT
